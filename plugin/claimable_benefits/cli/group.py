"""``flask benefits …``: what a merchant does at a terminal. Thin: every command calls a verb and prints."""

from __future__ import annotations

import getpass
import json
import logging
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from datetime import time as clock_time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Protocol, cast
from uuid import uuid4
from zoneinfo import ZoneInfo

import click
from flask import current_app
from flask.cli import AppGroup

from claimable_benefits.cli.database import database
from claimable_benefits.domain.benefits import Benefit
from claimable_benefits.domain.shop import Shopper, Transaction
from claimable_benefits.domain.states import DeliveryState
from claimable_benefits.errors import (
    AuthenticationError,
    BenefitsError,
    Declined,
    OutcomeUnknown,
    PermissionDenied,
    Rejected,
)
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.context import Context
from claimable_benefits.service.operations import admin
from claimable_benefits.service.operations import doctor as examinations
from claimable_benefits.service.redemption.redeem import use_for_customer
from claimable_benefits.service.worker.pool import WorkerPool, stopped_by_signals
from claimable_benefits.service.worker.turn import TurnResult, run_once
from claimable_benefits.settings import Settings
from claimable_benefits.settings.table import TABLE

_MOST_DIGITS = 30
commands = AppGroup("benefits", help="Loyalty benefits from Omneo: define, issue, redeem, submit, show.")
commands.add_command(database)


class CliRuntime(Protocol):
    @property
    def context(self) -> Context: ...
    @property
    def settings(self) -> Settings: ...


def runtime_of_app() -> CliRuntime:
    return cast(CliRuntime, current_app.extensions["claimable_benefits"])


def open_context() -> Context:
    context = runtime_of_app().context
    return replace(context, omneo=context.omneo.for_workers())


@contextmanager
def one_line_errors() -> Iterator[None]:
    """What goes wrong is one line for a person, and an exit code that a script sees."""
    try:
        yield
    except Declined as error:
        raise click.ClickException(error.shopper_message) from error
    except Rejected as error:
        raise click.ClickException(f"Omneo refuses this: {error.words}") from error
    except (AuthenticationError, PermissionDenied) as error:
        raise click.ClickException(f"{error} Check OMNEO_TOKEN and its permissions.") from error
    except OutcomeUnknown as error:
        raise click.ClickException(f"{error} It may have happened all the same: look before you repeat it.") from error
    except BenefitsError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def without_log() -> Iterator[None]:
    """The command itself says what went wrong; a shop without logging would see it a second time."""
    log, nowhere = logging.getLogger("claimable_benefits"), logging.NullHandler()
    log.addHandler(nowhere)
    try:
        yield
    finally:
        log.removeHandler(nowhere)


@commands.command()
@click.argument("file", type=click.Path(path_type=Path))
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


@commands.command()
@click.argument("handle")
@click.option("--customer", required=True, help="The shop's own id of the customer.")
def issue(handle: str, customer: str) -> None:
    """Give a customer the benefit HANDLE."""
    with without_log(), one_line_errors():
        benefit = admin.issue(open_context(), handle, customer)
    until = f", valid until {in_zone(benefit.expires_at)}" if benefit.expires_at else ""
    click.echo(f"Issued benefit {benefit.id}: {benefit.name or handle} to customer {customer}{until}.")
    click.echo(f"Record its use:  flask benefits redeem {benefit.id} --customer {customer}")


@commands.command()
@click.argument("benefit_id")
@click.option("--customer", required=True, help="The shop's own id of the customer.")
def redeem(benefit_id: str, customer: str) -> None:
    """Record that a customer has used BENEFIT_ID.

    Prints the redemption id, which links the use to its sale.
    """
    with without_log(), one_line_errors():
        used = use_for_customer(open_context(), customer, benefit_id, str(uuid4()), actor=staff())
    click.echo(f"Redeemed {used.use.name}: redemption {used.use.redemption_id}.")
    click.echo(
        f"Link it to its sale:  flask benefits submit ORDER --customer {customer} --total 89.99 "
        f"--redemption {used.use.redemption_id}"
    )


@commands.command()
@click.argument("order_number")
@click.option("--customer", help="The shop's own id of the customer; leave it out for a guest.")
@click.option("--total", required=True, help="What was charged, in major units such as 89.99.")
@click.option("--total-original", help="The price before discounts; the same as --total if left out.")
@click.option("--redemption", help="Omneo's id of the redemption that the sale used.")
@click.option("--currency", default="AUD", show_default=True)
def submit(
    order_number: str,
    customer: str | None,
    total: str,
    total_original: str | None,
    redemption: str | None,
    currency: str,
) -> None:
    """Record a sale at Omneo, with the redemption it used."""
    context = open_context()
    transaction = Transaction(
        order_number=order_number,
        customer_id=customer,
        total=_amount(total, "--total"),
        total_original=_amount(total_original or total, "--total-original"),
        transacted_at=context.clock(),
        currency=currency,
    )
    with without_log(), one_line_errors():
        delivery = admin.record_sale(context, transaction, redemption_id=redemption, actor=staff())
    if delivery.state is DeliveryState.DELIVERED:
        link = f", with redemption {delivery.redemption_id}" if delivery.redemption_id else ""
        click.echo(f"Recorded order {order_number} as transaction {delivery.transaction_id}{link}.")
        return
    raise click.ClickException(_undelivered(order_number, delivery.state, delivery.note))


@commands.command()
@click.option("--customer", required=True, help="The shop's own id of the customer.")
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


@commands.command()
@click.option("--once", is_flag=True, help="Do what is due now, then stop.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 64), help="How many work side by side.")
@click.option(
    "--seconds",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.05, 3600),
    help="How long to wait when there is nothing to do.",
)
def work(once: bool, threads: int, seconds: float) -> None:
    """Deliver, resolve, roll back; until Ctrl-C or SIGTERM.

    The call under way is finished first; a second Ctrl-C or SIGTERM ends at once. Any number of workers may run.
    """
    context = open_context()

    def turn() -> TurnResult:
        return run_once(replace(context, stopping=pool.is_stopping))

    pool = WorkerPool(turn, threads=threads, seconds=seconds, tell=lambda done: click.echo(_turn_line(done)))
    with one_line_errors(), stopped_by_signals(pool.stop):
        if not once:
            click.echo(f"Working in {threads} thread{'s' if threads > 1 else ''}. Ctrl-C stops.")
        done = pool.run_until_idle() if once else pool.run()
    if not once:
        click.echo(f"Stopped. {_counts(done)} in all." if done else "Stopped. There was nothing to do.")
    elif not done:
        click.echo("There was nothing that could be finished now.")


@commands.command()
def doctor() -> None:
    """Check the ledger, the connection to Omneo and the policies."""
    runtime = runtime_of_app()
    with without_log():
        findings = examinations.examine(open_context(), runtime.settings)
    for finding in findings:
        mark = click.style("ok  ", fg="green") if finding.is_well else click.style("!!  ", fg="red")
        click.echo(f"{mark}{finding.subject}: {finding.sentence}")
    if not all(finding.is_well for finding in findings):
        raise SystemExit(1)


@commands.command()
def settings() -> None:
    """List every setting, its default and what it is for."""
    for setting in TABLE:
        default = "" if setting.default in (None, "") else f" [{setting.default}]"
        click.echo(f"{setting.key}{default}\n    {setting.sentence}")


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
    """TOML has times of its own; without a zone they are wall-clock times, which Omneo takes as they are written."""
    if isinstance(value, dict):
        return {key: _as_sent(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_as_sent(item) for item in value]
    if isinstance(value, float):
        return _number(str(value))  # JSON's NaN and Infinity; every other number is exact already
    if isinstance(value, datetime):
        return value if value.tzinfo else value.isoformat(" ", "seconds")
    return value.isoformat() if isinstance(value, date | clock_time) else value


def _amount(text: str, option: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise click.ClickException(f"{option} {text!r} is no amount; write one such as 89.99.")
    return amount


def _undelivered(order_number: str, state: DeliveryState, note: str | None) -> str:
    if state is DeliveryState.STOPPED:
        return f"Omneo refuses order {order_number}: {note} Mend it, then: flask benefits resume {order_number}"
    why = f" {note}" if note else ""
    return f"Order {order_number} is queued, but not at Omneo yet; the worker goes on trying.{why}"


def _held(benefit: Benefit) -> str:
    left = "unlimited uses" if benefit.remaining is None else f"{benefit.remaining} left"
    ends = f", until {in_zone(benefit.expires_at)}" if benefit.expires_at else ""
    return f"{benefit.id}  {benefit.name} ({benefit.handle}), {left}{ends}"


def in_zone(moment: datetime) -> str:
    zone = runtime_of_app().settings.timezone
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"


def _list(title: str, rows: list[str]) -> None:
    click.echo(f"\n{title}:")
    for row in rows or ["(none)"]:
        click.echo(f"  {row}")


def _turn_line(done: TurnResult) -> str:
    return f"{datetime.now(UTC):%H:%M:%S} UTC  {_counts(done)}."


def _counts(done: TurnResult) -> str:
    return (
        f"{done.delivered} delivered, {done.resolved} resolved, {done.decided} orders decided, "
        f"{done.rolled_back} rolled back, {done.released} holds released"
    )


def staff() -> str:
    try:
        return f"staff {getpass.getuser()}"
    except (OSError, KeyError):
        return "staff"
