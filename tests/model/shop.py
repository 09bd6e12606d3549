"""A shop of a few lines with everything that money needs: orders in the ledger's database, and a payment provider.

It does what README asks of a shop: the order is committed before anything is redeemed, it says "unknown" while money
may be moving, and order and transaction are one commit.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

from sqlalchemy import Column, Connection, MetaData, String, Table, event, insert, select, update

from claimable_benefits.domain.shop import Cart, Item, Line, Order, OrderState, Shopper, Transaction
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import Declined
from claimable_benefits.ledger.tables import UtcDateTime, events, outbox, uses
from claimable_benefits.service.holds.offers import read_applied
from claimable_benefits.service.orders.refund import refund_in
from claimable_benefits.service.orders.submit import submit
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.redemption.rollback import roll_back_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import ServiceHarness, new_client

IN_HAND = timedelta(minutes=1)
_metadata = MetaData()
shop_orders = Table(
    "shop_orders",
    _metadata,
    Column("number", String, primary_key=True),
    Column("state", String, nullable=False),
    Column("use_id", String),
    Column("customer_id", String),
    Column("total", String),
    Column("in_hand_until", UtcDateTime),
    Column("placed_at", UtcDateTime),
)
SHIRT = Line("shirt", "Linen shirt", 1, Decimal("250.00"), frozenset({"clothing"}))


class Crash(BaseException):
    """The process is gone: nobody catches it."""


@dataclass
class Fuse:
    """Burns down with every commit and every call, and ends the process when it is through."""

    left: int | None = None
    burnt: int = 0
    steps: list[str] = field(default_factory=list)

    def step(self, what: str) -> None:
        self.burnt += 1
        self.steps.append(what)
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                self.left = None
                raise Crash(what)


@dataclass
class ModelShop:
    """Shop, provider and plugin over one harness; `restart` is a new process over the same databases."""

    harness: ServiceHarness
    fuse: Fuse = field(default_factory=Fuse)
    authorised: dict[str, Decimal] = field(default_factory=dict)
    captured: dict[str, Decimal] = field(default_factory=dict)
    numbers: int = 0
    dates: str = "utc"

    def __post_init__(self) -> None:
        with self.harness.ctx.ledger.write() as connection:
            _metadata.create_all(connection)
        event.listen(self.harness.ctx.ledger.engine, "commit", lambda _connection: self.fuse.step("commit"))
        self.harness.wire.step = self.fuse.step
        self.harness = replace(self.harness, ctx=replace(self.harness.ctx, order_loader=self.load))

    def restart(self) -> None:
        """Start again after a crash: what the process held in memory is gone."""
        ctx = self.harness.ctx
        client = new_client(self.harness.wire, ctx.ledger, self.harness.clock, dates=self.dates)
        self.harness = replace(self.harness, ctx=replace(ctx, omneo=client))

    def cart(self, name: str) -> Cart:
        return Cart(name, (SHIRT,), "AUD", Decimal("9.95"))

    def place(self, shopper: Shopper, cart: Cart, payment: str = "works") -> str:
        """Place the cart's order; gives its number. ``payment`` works, is declined, or its answer is lost."""
        ctx = self.harness.ctx
        applied = read_applied(ctx, shopper, cart)
        use_id = applied.use_id if applied and applied.fit.fits else None
        total = cart.subtotal + Decimal("9.95") - (applied.discount.amount if applied and use_id else Decimal(0))
        self.numbers += 1
        number = f"N{self.numbers}"
        self._write(number, state="open", use_id=use_id, customer_id=shopper.customer_id, total=str(total), new=True)
        self.authorised[number] = total
        self._write(number, state="unknown", in_hand_until=ctx.clock() + IN_HAND)
        try:
            if use_id:
                redeem_for_order(ctx, use_id, number, actor="shop")
        except Declined:
            self._write(number, state="cancelled")
            return number
        self._pay(number, payment)
        return number

    def _pay(self, number: str, payment: str) -> None:
        if payment == "declined":
            self._write(number, state="cancelled")
            roll_back_order(self.harness.ctx, number, actor="shop", reason="the payment was declined")
            return
        self.fuse.step("before capture")
        self.captured[number] = self.authorised[number]
        self.fuse.step("after capture")
        if payment == "works":
            self._finish(number)

    def _finish(self, number: str) -> None:
        ctx = self.harness.ctx
        with ctx.ledger.write() as connection:
            waiting = update(shop_orders).where(shop_orders.c.number == number, shop_orders.c.state == "unknown")
            done = connection.execute(waiting.values(state="paid", placed_at=ctx.clock()))
            if done.rowcount:
                submit(ctx, self._transaction(connection, number), connection)

    def cancel(self, number: str) -> None:
        """Refund a paid order in full, in one commit with what becomes of its benefit and its transaction."""
        ctx = self.harness.ctx
        paid = update(shop_orders).where(shop_orders.c.number == number, shop_orders.c.state == "paid")
        with ctx.ledger.write() as connection:
            if connection.execute(paid.values(state="cancelled")).rowcount:
                refund_in(ctx, connection, number, full_refund=True, actor="shop", reason="cancelled")
        self.fuse.step("before refund")
        self.refund(number)

    def refund(self, number: str) -> None:
        """Give the money back; the provider does it once, however often it is asked."""
        self.captured.pop(number, None)

    def load(self, number: str) -> Order | None:
        """The order loader: an order that no request works on any more is resolved by asking the provider."""
        with self.harness.ctx.ledger.read() as connection:
            row = self._row(connection, number)
        if row is None:
            return None
        until = row["in_hand_until"]
        if row["state"] == "unknown" and until < self.harness.clock.now:
            if number in self.captured:
                self._finish(number)
            else:
                self.authorised.pop(number, None)  # voided: it can no longer be captured
                self._write(number, state="cancelled")
            return self.load(number)
        if row["state"] != "paid":
            return Order(number, OrderState(row["state"]))
        with self.harness.ctx.ledger.read() as connection:
            return Order(number, OrderState.PAID, self._transaction(connection, number))

    def resolve_all(self) -> None:
        """What the shop's own pages do sooner or later: look at every order that is not at an end."""
        for row in self.rows(shop_orders):
            if row["state"] == "unknown":
                self.load(row["number"])
            elif row["state"] == "open":
                self._write(row["number"], state="cancelled")
            elif row["state"] == "cancelled":
                self.refund(row["number"])

    def work(self, minutes: float, *, step: float = 30) -> None:
        """Let time pass, with a turn of the worker every ``step`` seconds."""
        end = self.harness.clock.now + timedelta(minutes=minutes)
        while self.harness.clock.now < end:
            self.harness.clock.forward(seconds=step)
            run_once(self.harness.ctx)

    def rows(self, table: Table) -> list[dict[str, Any]]:
        with self.harness.ctx.ledger.read() as connection:
            return [dict(row._mapping) for row in connection.execute(select(table))]

    def problems(self) -> list[str]:
        """What does not hold when everything is healed and resolved: sentences, none where all is well."""
        return [*self._orders(), *self._at_omneo(), *self._ledger()]

    def _orders(self) -> list[str]:
        said = []
        live = {str(r["id"]) for r in self.harness.redemptions() if r["live"]}
        transactions = self.harness.held_at_omneo()["transactions"]
        every_use = self.rows(uses)
        for order in self.rows(shop_orders):
            number = order["number"]
            ours = [t for t in transactions if t["external_id"] == number]
            consumed = [u for u in every_use if u["order_number"] == number and u["state"] == "consumed"]
            kept = [u for u in consumed if u["redemption_id"] in live]
            if order["state"] == "paid":
                if self.captured.get(number) != Decimal(order["total"]):
                    said.append(f"{number} was shown {order['total']} and charged {self.captured.get(number)}")
                if len(ours) != 1:
                    said.append(f"{number} has {len(ours)} transactions")
                if order["use_id"] and [u["use_id"] for u in kept] != [order["use_id"]]:
                    said.append(f"{number} was discounted and has {len(kept)} live redemptions")
                linked = [str(t["redemption_id"]) for t in ours if t["redemption_id"]]
                if linked != [u["redemption_id"] for u in kept]:
                    said.append(f"{number} is linked to {linked}")
            else:
                if number in self.captured:
                    said.append(f"{number} is {order['state']} and was charged")
                if [t for t in ours if not t.get("is_void")]:
                    said.append(f"{number} is {order['state']} and has a transaction")
        return said

    def _at_omneo(self) -> list[str]:
        """Every live redemption is a placed order's, an account use's, a till's, or waits for manual review."""
        owned = {u["redemption_id"] for u in self.rows(uses) if u["state"] == UseState.CONSUMED}
        ours = {u["reference"]: u for u in self.rows(uses)}
        said = []
        for redemption in self.harness.redemptions():
            reference = redemption["external_id"] or redemption["transaction_external_id"]
            if redemption["live"] < 0:
                said.append(f"redemption {redemption['id']} came back twice")
            if redemption["live"] > 0 and reference in ours and str(redemption["id"]) not in owned:
                use = ours[reference]
                if use["state"] != UseState.MANUAL_REVIEW:
                    said.append(f"redemption {redemption['id']} stands and nobody owns it: use is {use['state']}")
        return said

    def _ledger(self) -> list[str]:
        said = []
        moving = {"redeeming", "in_doubt", "redeemed", "rolling_back"}
        paths: dict[str, list[tuple[str, str]]] = {}
        for told in self.rows(events):
            paths.setdefault(told["subject"], []).append((told["from_state"], told["to_state"]))
        for use in self.rows(uses):
            if use["state"] in moving:
                said.append(f"use {use['use_id']} is stuck in {use['state']}: {use['note']}")
            path = paths[use["use_id"]]
            if path[-1][1] != use["state"] or any(before[1] != after[0] for before, after in pairwise(path)):
                said.append(f"the events of use {use['use_id']} do not lead to {use['state']}")
        said += [
            f"the delivery of {row['order_number']} is {row['state']}: {row['note']}"
            for row in self.rows(outbox)
            if row["state"] != "delivered"
        ]
        return said

    def _row(self, connection: Connection, number: str) -> dict[str, Any] | None:
        row = connection.execute(select(shop_orders).where(shop_orders.c.number == number)).first()
        return dict(row._mapping) if row else None

    def _transaction(self, connection: Connection, number: str) -> Transaction:
        row = self._row(connection, number)
        assert row is not None
        total = Decimal(row["total"])
        item = Item("Linen shirt", 1, SHIRT.unit_price, total)
        return Transaction(number, row["customer_id"], total, SHIRT.unit_price, row["placed_at"], "AUD", (item,))

    def _write(self, number: str, *, new: bool = False, **values: Any) -> None:
        change = insert(shop_orders).values(number=number, **values)
        if not new:
            change = update(shop_orders).where(shop_orders.c.number == number).values(**values)  # type: ignore[assignment]
        with self.harness.ctx.ledger.write() as connection:
            connection.execute(change)
