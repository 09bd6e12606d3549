"""``flask benefits doctor | settings``: check an installation, and list what can be set."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext

from claimable_benefits.cli.helpers import open_context, runtime_of_app, without_log
from claimable_benefits.service.operations.doctor import Check, examine
from claimable_benefits.settings import Settings
from claimable_benefits.settings.reader import is_endpoint
from claimable_benefits.settings.table import TABLE


@click.command()
@with_appcontext
def doctor() -> None:
    """Check the installation; name the remedy for what does not work."""
    runtime = runtime_of_app()
    with without_log():
        checks = examine(open_context(), runtime.settings, missing_loaders=runtime.loaders.missing)
        checks += _pages(runtime.settings)
    for check in checks:
        verdict = click.style("ok  ", fg="green") if check.is_well else click.style("!!  ", fg="red")
        click.echo(f"{verdict}{check.subject}: {check.sentence}")
    if not all(check.is_well for check in checks):
        raise SystemExit(1)


def _pages(settings: Settings) -> list[Check]:
    """Check the endpoints that settings name. An app registers its views after the extension, so start-up cannot."""
    named = {
        "BENEFITS_LOGIN_URL": settings.login_url,
        "BENEFITS_CHECKOUT_URL": settings.checkout_url,
        "BENEFITS_ORDER_URL": settings.order_url,
    }
    views = current_app.view_functions
    missing = [f"{key} names {name!r}" for key, name in named.items() if is_endpoint(name) and name not in views]
    return [Check("Pages", False, f"{', '.join(missing)}, which is no endpoint of the shop.")] if missing else []


@click.command()
@with_appcontext
def settings() -> None:
    """List every setting, its default and what it is for."""
    for setting in TABLE:
        default = "" if setting.default in (None, "") else f" [{setting.default}]"
        click.echo(f"{setting.key}{default}\n    {setting.sentence}")
