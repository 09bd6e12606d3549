"""``flask benefits redeem | submit | resume``: a use at a terminal, a sale, and its delivery."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from uuid import uuid4

import click
from flask.cli import with_appcontext

from claimable_benefits.cli.helpers import one_line_errors, open_context, staff, without_log
from claimable_benefits.domain.shop import Transaction
from claimable_benefits.domain.states import DeliveryState
from claimable_benefits.service.operations import admin
from claimable_benefits.service.redemption.redeem import use_for_customer


@click.command()
@click.argument("benefit_id")
@click.option("--customer", required=True, help="The shop's own id of the customer.")
@with_appcontext
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


@click.command()
@click.argument("order_number")
@click.option("--customer", help="The shop's own id of the customer; leave it out for a guest.")
@click.option("--total", required=True, help="What was charged, in major units such as 89.99.")
@click.option("--total-original", help="The price before discounts; the same as --total if left out.")
@click.option("--redemption", help="Omneo's id of the redemption that the sale used.")
@click.option("--currency", default="AUD", show_default=True)
@with_appcontext
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
    with without_log(), one_line_errors():
        transaction = Transaction(
            order_number=order_number,
            customer_id=customer,
            total=_amount(total, "--total"),
            total_original=_amount(total_original or total, "--total-original"),
            transacted_at=context.clock(),
            currency=currency,
        )
        delivery = admin.record_sale(context, transaction, redemption_id=redemption, actor=staff())
    if delivery.state is DeliveryState.DELIVERED:
        link = f", with redemption {delivery.redemption_id}" if delivery.redemption_id else ""
        click.echo(f"Recorded order {order_number} as transaction {delivery.transaction_id}{link}.")
        return
    raise click.ClickException(_undelivered(order_number, delivery.state, delivery.note))


@click.command()
@click.argument("order_number")
@click.option("--without-redemption", is_flag=True, help="Record the sale without a redemption that Omneo refuses.")
@click.option("--replace", "replaces", is_flag=True, help="Replace the transaction that Omneo has under its number.")
@with_appcontext
def resume(order_number: str, *, without_redemption: bool, replaces: bool) -> None:
    """Make the stopped delivery of an order due again."""
    if without_redemption and replaces:
        raise click.ClickException("Use one of --without-redemption and --replace at a time.")
    context, actor = open_context(), staff()
    with one_line_errors():
        if without_redemption:
            resumed = admin.resume_without_redemption(context, order_number, actor=actor)
        else:
            resumed = admin.resume(context, order_number, actor=actor, replaces=replaces)
    if not resumed:
        raise click.ClickException(f"The delivery of order {order_number} is not stopped; nothing was changed.")
    click.echo(f"The transaction of order {order_number} is due again.")


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
        return f"Omneo refuses order {order_number}: {note} Fix it, then: flask benefits resume {order_number}"
    why = f" {note}" if note else ""
    return f"Order {order_number} is queued, but not at Omneo yet; the worker retries.{why}"
