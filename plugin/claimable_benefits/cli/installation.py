"""``flask benefits doctor | settings``: check an installation, and list what can be set."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from claimable_benefits.cli.helpers import open_context, runtime_of_app, without_log
from claimable_benefits.service.operations.doctor import examine
from claimable_benefits.settings.table import TABLE


@click.command()
@with_appcontext
def doctor() -> None:
    """Check the ledger, the connection to Omneo and the policies."""
    runtime = runtime_of_app()
    with without_log():
        checks = examine(open_context(), runtime.settings, missing_loaders=runtime.loaders.missing)
    for check in checks:
        verdict = click.style("ok  ", fg="green") if check.is_well else click.style("!!  ", fg="red")
        click.echo(f"{verdict}{check.subject}: {check.sentence}")
    if not all(check.is_well for check in checks):
        raise SystemExit(1)


@click.command()
@with_appcontext
def settings() -> None:
    """List every setting, its default and what it is for."""
    for setting in TABLE:
        default = "" if setting.default in (None, "") else f" [{setting.default}]"
        click.echo(f"{setting.key}{default}\n    {setting.sentence}")
