"""``flask benefits db …``: show the version of the ledger's tables, upgrade and downgrade them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask.cli import AppGroup

from claimable_benefits.cli.helpers import runtime_of_app
from claimable_benefits.errors import BenefitsError
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.shops.others import adopt_rows
from claimable_benefits.settings.addresses import normalised_tenant

database = AppGroup("db", help="Show or change the version of the ledger's tables.")


def _ledger() -> Ledger:
    return runtime_of_app().context.ledger


@contextmanager
def _one_line_errors() -> Iterator[None]:
    try:
        yield
    except (BenefitsError, LookupError, ValueError) as error:
        raise click.ClickException(str(error)) from error


@database.command()
def current() -> None:
    """Show which version the ledger's tables have."""
    with _one_line_errors():
        version, newest = _ledger().version(), _ledger().newest
    click.echo(f"The ledger is of version {version}; the newest that this release knows is {newest}.")


@database.command()
def upgrade() -> None:
    """Upgrade the ledger's tables to the newest version.

    The shop upgrades them when it starts. Run this, with the address of a database role that may change tables,
    where the shop's own may not.
    """
    with _one_line_errors():
        _ledger().create_tables()
        version = _ledger().version()
    click.echo(f"The ledger is of version {version}, the newest that this release knows.")


@database.command()
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
def adopt(address: str, yes: bool) -> None:
    """Take over the rows that were written with ADDRESS, an earlier address of this tenant.

    After a typo in OMNEO_BASE_URL, or with another host name, no app works on them; `doctor` names the address.
    Rows of another tenant must stay where they are.
    """
    ledger = _ledger()
    if not yes:
        question = f"Is {address} the same tenant as {ledger.shop.tenant}, and does no app run with it any more?"
        click.confirm(question, abort=True)
    with _one_line_errors(), ledger.write() as connection:
        moved = adopt_rows(connection, normalised_tenant(address) if "://" in address else address)
    click.echo(f"{moved} uses, claims and orders of {address} are this shop's now.")


@database.command()
@click.argument("version")
@click.option("--yes", is_flag=True, help="Do not ask.")
def downgrade(version: str, yes: bool) -> None:
    """Downgrade the ledger's tables to VERSION, for an earlier release of this package.

    Every row stays; columns that the earlier release does not know are dropped. Stop the shop before.
    """
    if not yes:
        click.confirm("Is the shop stopped, and may what only the newer tables hold be dropped?", abort=True)
    with _one_line_errors():
        _ledger().downgrade(version)
    click.echo(
        f"The ledger is of version {version}. Install the earlier release before anything starts: "
        "this one would bring the tables up to date again."
    )
