"""``flask benefits define | issue | show``: definitions, and the benefits of a customer."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from datetime import date, datetime
from datetime import time as clock_time
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from flask.cli import with_appcontext

from claimable_benefits.cli.helpers import in_zone, one_line_errors, open_context, without_log
from claimable_benefits.domain.benefits import Benefit
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.operations import admin

_MOST_DIGITS = 30


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@with_appcontext
def define(file: Path) -> None:
    """Create a benefit definition from FILE.

    FILE is .toml or .json and holds Omneo's own fields; name, handle and period are needed.
    """
    fields = _read_document(file)
    with without_log(), one_line_errors():
        defined = admin.define(open_context(), fields)
    definition = defined.definition
    if defined.already:
        click.echo(f"{definition.handle} exists already as definition {definition.id}. Nothing was changed.")
        return
    click.echo(f"Created definition {definition.id}: {definition.name} ({definition.handle}).")
    click.echo(f"Issue it to a customer:  flask benefits issue {definition.handle} --customer ID")


@click.command()
@click.argument("handle")
@click.option("--customer", required=True, help="The shop's own id of the customer.")
@with_appcontext
def issue(handle: str, customer: str) -> None:
    """Issue the benefit HANDLE to a customer."""
    with without_log(), one_line_errors():
        benefit = admin.issue(open_context(), handle, customer)
    until = f", valid until {in_zone(benefit.expires_at)}" if benefit.expires_at else ""
    click.echo(f"Issued benefit {benefit.id}: {benefit.name or handle} to customer {customer}{until}.")
    click.echo(f"Record its use:  flask benefits redeem {benefit.id} --customer {customer}")


@click.command()
@click.option("--customer", required=True, help="The shop's own id of the customer.")
@with_appcontext
def show(customer: str) -> None:
    """Show what a customer may claim, holds, and has had."""
    with without_log(), one_line_errors():
        wallet = read_wallet(open_context(), Shopper(customer))
    if not wallet.known:
        raise click.ClickException(f"Omneo does not know customer {customer!r}.")
    click.echo(f"Customer {customer} is profile {wallet.profile_id}.")
    _list("Ready to claim", [f"{d.handle}  {d.name}" for d in wallet.claimable])
    _list("Theirs to use", [_held(held.benefit) for held in wallet.usable])
    _list("Used up or expired", [_held(benefit) for benefit in wallet.past])


def _read_document(file: Path) -> dict[str, object]:
    is_json = file.suffix.lower() == ".json"
    reader: Callable[..., Any] = json.loads if is_json else tomllib.loads
    try:
        document = _as_sent(reader(file.read_text(encoding="utf-8-sig"), parse_float=_number))
    except OSError as error:
        raise click.ClickException(f"{file} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise click.ClickException(f"{file} is no {'JSON' if is_json else 'TOML'}: {error}") from error
    if not isinstance(document, dict):
        raise click.ClickException(f"{file} holds no definition: write name, handle and period as keys.")
    return document


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueError(f"{text} is no number")
    return number


def _as_sent(value: Any) -> Any:
    """Keep TOML's times without a zone as text: Omneo takes wall-clock times as they are written."""
    if isinstance(value, dict):
        return {key: _as_sent(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_sent(item) for item in value]
    if isinstance(value, float):
        return _number(str(value))  # JSON's NaN and Infinity; every other number is exact already
    if isinstance(value, datetime):
        return value if value.tzinfo else value.isoformat(" ", "seconds")
    return value.isoformat() if isinstance(value, date | clock_time) else value


def _held(benefit: Benefit) -> str:
    left = "unlimited uses" if benefit.remaining is None else f"{benefit.remaining} left"
    ends = f", until {in_zone(benefit.expires_at)}" if benefit.expires_at else ""
    return f"{benefit.id}  {benefit.name} ({benefit.handle}), {left}{ends}"


def _list(title: str, rows: list[str]) -> None:
    click.echo(f"\n{title}:")
    for row in rows or ["(none)"]:
        click.echo(f"  {row}")
