"""Sending things back: the cents add up, the benefit follows its policy, and nothing goes back twice."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimable_benefits import OrderState
from example_shop import loyalty, orders, returns
from example_shop.models import Order, OrderLine, Refund, RefundLine, RefundState
from example_shop.payments import cards
from tests.example_shop.browser import Browser, at_once
from tests.example_shop.conftest import DEAD, World

SHIRT, BOWL = "harbour-linen-shirt", "rockpool-bowl"
FIRST_SPEND = "First Spend Discount"


def bought(world: World, card: str = cards.APPROVED, benefit: str | None = FIRST_SPEND, shirts: int = 2) -> Browser:
    """Mia, in front of her order of shirts and a bowl."""
    browser = world.browser("Mia Ngo", *[SHIRT] * shirts, BOWL)
    browser.go("/checkout")
    if benefit:
        browser.press(f"Apply {benefit}")
    number = browser.press("Place order", card=card).url.split("/orders/")[1].split("/")[0]
    world.work()
    browser.go(f"/orders/{number}")
    return browser


def number_of(browser: Browser) -> str:
    """The order whose page the browser shows."""
    return browser.page.url.split("/orders/")[1].split("/")[0]


def choose(browser: Browser, **lines: str) -> str:
    """Choose what comes back; gives the name of the button that confirms it."""
    browser.go(f"/orders/{number_of(browser)}")
    browser.follow("Return items")
    browser.press("Show what comes back", **{key.replace("_", "-"): value for key, value in lines.items()})
    return next(name for form in browser.page.forms for name in form.buttons if name.startswith("Return"))


def sale(world: World, number: str) -> dict[str, Any]:
    """What Omneo has of an order."""
    found: dict[str, Any] = world.omneo("GET", f"/transactions/external/{number}")["data"]
    return found


def charged(world: World, number: str) -> Decimal:
    """What was taken and not given back, in dollars."""
    payment = world.payments(number)[0]
    taken = payment["amount"] if payment["status"] in ("captured", "refunded") else 0
    return Decimal(taken - payment["refunded"]).scaleb(-2)


def test_a_part_of_the_order_comes_back_and_omneo_has_the_rest_with_its_redemption(world: World) -> None:
    browser = bought(world)
    number = number_of(browser)
    before, redemption = charged(world, number), sale(world, number)["redemption"]["id"]
    button = choose(browser, line_0="1")
    asked, page = browser.page, browser.press(button)
    world.work()
    after = sale(world, number)

    assert button == "Return and refund $116.10"
    assert "First Spend Discount stays used, because you keep a part of the order." in asked.text
    assert "Refunds $116.10 Refunded" in page.text
    assert "Refunded \N{MINUS SIGN}$116.10 Kept and paid $183.65" in page.text
    assert "1 \N{MULTIPLICATION SIGN} Harbour linen shirt" in page.text
    assert page.has_button("Return items") or "Return items" in page.links
    assert before - charged(world, number) == Decimal("116.10")
    assert Decimal(str(after["total"])) == charged(world, number)
    assert (after["redemption"]["id"], after["is_void"]) == (redemption, False)
    assert {item["sku"]: item["quantity"] for item in after["items"]} == {SHIRT: 1, BOWL: 1, "delivery": 1}
    assert world.benefits_of("1001").get("first-spend") is None


def test_returning_piece_by_piece_adds_up_to_what_was_paid_and_ends_cancelled(world: World) -> None:
    browser = bought(world)
    number = number_of(browser)
    for lines in ({"line_0": "1"}, {"line_1": "1"}, {"line_0": "1"}):
        browser.press(choose(browser, **lines))
        world.work()

    assert charged(world, number) == 0
    assert "Cancelled" in browser.page.text
    assert browser.page.text.count("Refunded") == 3
    assert sale(world, number)["is_void"] is True
    assert world.benefits_of("1001")["first-spend"]["redemptions_remaining"] == 1


def test_a_benefit_that_always_comes_back_does_so_with_a_part_of_the_order(world: World) -> None:
    browser = world.browser("Mia Ngo")
    browser.go("/account/benefits")
    browser.press("Claim Free Shipping")
    browser = bought(world, benefit="Free Shipping")
    button = choose(browser, line_1="1")
    asked = browser.page
    browser.press(button)
    world.work()

    assert "Free Shipping comes back too, so that you can use it again." in asked.text
    assert world.benefits_of("1001")["free-shipping"]["redemptions_remaining"] == 1


def test_a_double_click_refunds_once(world: World) -> None:
    browser = bought(world)
    number = number_of(browser)
    before = charged(world, number)
    browser.press_twice(choose(browser, line_0="1"))
    world.work()

    assert before - charged(world, number) == Decimal("116.10")
    assert browser.go(f"/orders/{number}").text.count("$116.10 Refunded") == 1


def test_two_tabs_cannot_return_the_same_piece_twice(world: World) -> None:
    browser = bought(world, shirts=1)
    number = number_of(browser)
    tab = world.browser()
    tab.session.cookies.update(browser.session.cookies)
    tab.go(f"/orders/{number}")
    before, buttons = charged(world, number), (choose(browser, line_0="1"), choose(tab, line_0="1"))
    answers = at_once(lambda: browser.send(buttons[0], {}), lambda: tab.send(buttons[1], {}))

    assert before - charged(world, number) == Decimal("116.10")
    assert sorted(answer.status_code for answer in answers) == [200, 409]


def test_a_page_that_is_out_of_date_is_shown_anew_before_anything_moves(world: World) -> None:
    browser = bought(world)
    number = number_of(browser)
    browser.follow("Cancel order")
    old = browser.page
    browser.press(choose(browser, line_0="1"))
    before = charged(world, number)
    browser.page = old
    page = browser.press(next(iter(old.forms[-1].buttons)))

    assert page.status == 409
    assert "Part of this has been returned in another window." in page.text
    assert charged(world, number) == before


def test_a_refund_whose_answer_is_lost_is_made_once_and_confirmed_by_the_next_look(world: World) -> None:
    browser = bought(world, card=cards.LATE_REFUND)
    number = number_of(browser)
    before = charged(world, number)
    page = browser.press(choose(browser, line_0="1"))
    world.work()

    assert "Refunds $116.10 Refunded" in page.text  # the page that follows has asked again
    assert before - charged(world, number) == Decimal("116.10")
    assert Decimal(str(sale(world, number)["total"])) == charged(world, number)


def test_a_refund_that_the_bank_refuses_says_so_and_changes_nothing(world: World) -> None:
    browser = bought(world, card=cards.REFUND_DECLINED)
    number = number_of(browser)
    before = charged(world, number)
    browser.follow("Cancel order")
    page = browser.press(next(iter(browser.page.forms[-1].buttons)))
    world.work()

    assert "Your bank takes no refund on this card. Nothing was refunded." in page.text
    assert "Cancel order" in page.links
    assert charged(world, number) == before
    assert sale(world, number)["is_void"] is False
    assert world.benefits_of("1001").get("first-spend") is None


@pytest.mark.parametrize("looked_at_by", ["the shopper", "the plugin"])
@pytest.mark.parametrize("statement", ["UPDATE refunds SET state", "UPDATE orders SET state", "benefits_outbox"])
def test_a_crash_between_refund_and_commit_loses_nothing(world: World, statement: str, looked_at_by: str) -> None:
    browser = bought(world)
    number = number_of(browser)
    browser.follow("Cancel order")
    button = next(iter(browser.page.forms[-1].buttons))
    parameters = "CANCELLED" if "orders" in statement else None
    with world.dying_before(statement, parameters):
        answer = browser.send(button, {})
    world.work()
    in_between = charged(world, number), sale(world, number)["is_void"]
    if looked_at_by == "the plugin":
        with world.running.app.app_context():
            told = loyalty.order(number)
        assert told is not None
        assert told.state is OrderState.CANCELLED
    page = browser.go(f"/orders/{number}")
    world.work()

    assert answer.text == DEAD
    assert in_between == (Decimal(0), False)
    assert "Cancelled" in page.text
    assert page.text.count("Refunded") == 1
    assert sale(world, number)["is_void"] is True
    assert "Recorded as cancelled with the loyalty programme" in browser.go(f"/orders/{number}").text
    assert world.benefits_of("1001")["first-spend"]["redemptions_remaining"] == 1


def test_a_refund_agreed_and_never_sent_is_sent_by_the_next_look(world: World) -> None:
    browser = bought(world)
    number = number_of(browser)
    browser.follow("Cancel order")
    button, page = next(iter(browser.page.forms[-1].buttons)), browser.page
    with world.provider_down():
        pending = browser.press(button)
        before = world.payment_states()
    browser.page = page
    again = browser.press(button)

    assert "Being confirmed" in pending.text.split("Refunds ")[1]
    assert pending.headers["Refresh"] == "2"
    assert before == ["captured"]
    assert "Cancelled" in again.text
    assert charged(world, number) == 0


def test_an_order_that_costs_nothing_is_cancelled_without_the_provider(world: World) -> None:
    browser = world.browser("Mia Ngo", "fig-smoke-candle")
    browser.go("/checkout")
    browser.press("Update shipping", shipping="pickup")
    browser.press("Apply Birthday Gift")
    number = browser.press("Place order").url.split("/orders/")[1].split("/")[0]
    browser.go(f"/orders/{number}")
    asked = browser.follow("Cancel order")
    page = browser.press("Cancel the order")
    world.work()

    assert "Birthday Gift stays used: it does not come back." in asked.text
    assert "there was nothing to pay" in page.text
    assert sale(world, number)["is_void"] is True


@pytest.mark.parametrize("path", ["return", "return?all=1"])
def test_somebody_elses_order_cannot_be_returned(world: World, path: str) -> None:
    number = number_of(bought(world))
    other = world.browser("Leo Park")

    assert other.go(f"/orders/{number}/{path}").status == 404


@pytest.mark.parametrize(
    ("typed", "status"), [({"line-0": "many"}, 400), ({"line-9": "1"}, 409), ({"line-0": "0"}, 409), ({}, 409)]
)
def test_a_form_that_nobody_was_given_moves_nothing(world: World, typed: dict[str, str], status: int) -> None:
    browser = bought(world)
    number = number_of(browser)
    before = charged(world, number)
    button = choose(browser, line_0="1")
    browser.page.form_with(button).fields.pop("line-0")

    assert browser.send(button, typed).status_code == status
    assert charged(world, number) == before


def test_an_order_from_the_former_system_is_only_looked_at(world: World) -> None:
    browser = world.browser("Mia Ngo")

    assert "Return items" not in browser.go("/orders/100007").links
    assert browser.go("/orders/100007/return").url.endswith("/orders/100007")


LINES = st.lists(
    st.tuples(st.integers(1, 7), st.integers(1, 99_999), st.integers(0, 100)).map(
        lambda drawn: (drawn[0], drawn[1], drawn[0] * drawn[1] * drawn[2] // 100)
    ),
    min_size=1,
    max_size=4,
)


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


def test_the_pages_say_nothing_of_refunds_where_there_are_none(world: World) -> None:
    assert "Refunds" not in bought(world).page.text
