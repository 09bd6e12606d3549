"""Returns: whatever is returned, in whatever order, the cents add up."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from example_shop.orders import orders, returns
from example_shop.storage.models import Order, OrderLine, Refund, RefundLine, RefundState

LINES = st.lists(
    st.tuples(st.integers(1, 7), st.integers(1, 99_999), st.integers(0, 100)).map(
        lambda drawn: (drawn[0], drawn[1], drawn[0] * drawn[1] * drawn[2] // 100)
    ),
    min_size=1,
    max_size=4,
)


@settings(deadline=None)  # a busy machine is no slow test
@given(lines=LINES, data=st.data())
def test_whatever_is_returned_in_whatever_order_the_cents_add_up(
    lines: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    order = made_of(lines)
    sent = []
    for _ in range(10):
        wanted = {rest.line.position: data.draw(st.integers(0, rest.quantity)) for rest in returns.left(order)}
        what = returns.returning(order, wanted)
        if what.parts:
            sent.append(keep(order, what))
            transaction = orders.transaction(order)
            items = sum((item.price * item.quantity - item.discount for item in transaction.items), Decimal(0))
            assert (transaction.total, returns.refunded(order)) == (order.total - sum(sent), sum(sent))
            assert what.is_full or items == transaction.total
        if what.is_full and what.parts:
            break
    rest = returns.everything(order)
    total = returns.refunded(order) + (rest.amount if rest.parts else 0)

    assert total == order.total
    assert all(amount >= 0 for amount in sent)


@settings(deadline=None)  # a busy machine is no slow test
@given(lines=LINES)
def test_pieces_of_one_line_differ_by_a_cent_at_most(lines: list[tuple[int, int, int]]) -> None:
    order = made_of(lines)
    for line in order.lines:
        pieces = []
        while (what := returns.returning(order, {line.position: 1})).parts:
            pieces.append(what.parts[0].amount)
            keep(order, what)

        assert len(pieces) == line.quantity
        assert all(first - second in (0, Decimal("0.01")) for first, second in pairwise(pieces))


def made_of(lines: list[tuple[int, int, int]]) -> Order:
    """A paid order of lines (pieces, cents for each, discount in cents), with ten dollars for delivery."""
    order = Order(number="FT-1", customer_id="1001", currency="AUD", shipping=Decimal("10.00"), shipping_name="Post")
    order.shipping_discount, order.paid_at, order.benefit_name = Decimal(0), orders.now(), None
    order.lines = [
        OrderLine(
            position=place,
            sku=f"s{place}",
            name=f"Thing {place}",
            quantity=quantity,
            unit_price=Decimal(cents).scaleb(-2),
            discount=Decimal(discount).scaleb(-2),
        )
        for place, (quantity, cents, discount) in enumerate(lines)
    ]
    order.total = order.subtotal + order.shipping - order.discount
    order.refunds = []
    return order


def keep(order: Order, what: returns.Return) -> Decimal:
    """Write a refund down as done."""
    parts = [
        RefundLine(position=part.line.position, quantity=part.quantity, amount=part.amount, name=part.line.name)
        for part in what.parts
    ]
    order.refunds.append(Refund(reference="r", amount=what.amount, state=RefundState.DONE, lines=parts))
    return what.amount
