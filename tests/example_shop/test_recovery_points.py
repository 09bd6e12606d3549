"""The recovery points of a payment: the ways between them, and how an order continues from each after a crash."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
import requests
import responses
from flask import Flask
from sqlalchemy import update

from claimable_benefits.signals import benefit_redeemed
from example_shop import background_jobs, payment_flow
from example_shop.checkout.delivery import METHODS
from example_shop.checkout.pricing import Quote
from example_shop.extensions import db
from example_shop.orders import orders
from example_shop.payments import cards
from example_shop.payments.client import PaymentUnreachable
from example_shop.storage.models import Cart, Order, RecoveryPoint, State
from tests.example_shop.browser import Browser, Page
from tests.example_shop.conftest import DEAD, Death, RunningShop

EXPRESS, PICKUP = Quote((), METHODS["express"], ()), Quote((), METHODS["pickup"], ())
AFTER_THE_LEASE = 31  # minutes; longer than any lease, the shopper's included


@pytest.fixture
def single_step(shop: RunningShop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider takes the money in one step."""
    monkeypatch.setitem(shop.running.app.config, "PAYMENTS_STYLE", "single-step")


def at_checkout(shop: RunningShop) -> Browser:
    """Mia in front of the button, with a shirt and her first-spend discount: $126.05."""
    browser = shop.browser("Mia Ngo", "harbour-linen-shirt")
    browser.go("/checkout")
    browser.press("Apply First Spend Discount")
    return browser


def crash_while_placing(shop: RunningShop, statement: str, parameters: str) -> Browser:
    """Place Mia's order, and let the process die just before that statement."""
    browser = at_checkout(shop)
    with shop.dying_before(statement, parameters):
        assert browser.send("Place order", {"card": cards.APPROVED}).text == DEAD
    return browser


@contextmanager
def crash_after_the_redemption() -> Iterator[None]:
    def die(_sender: object, **_facts: object) -> None:
        benefit_redeemed.disconnect(die)
        raise Death

    with benefit_redeemed.connected_to(die):
        yield


def row(shop: RunningShop) -> tuple[str, str]:
    """Recovery point and state of the only order, as the database has them."""
    with closing(sqlite3.connect(shop.data / "shop.sqlite3")) as connection:
        found = connection.execute("SELECT recovery_point, state FROM orders WHERE NOT is_imported").fetchall()
    assert len(found) == 1
    return str(found[0][0]), str(found[0][1])


def resolve(shop: RunningShop, minutes: float = AFTER_THE_LEASE) -> int:
    """Let time pass, and run the shop's job and the extension's worker; returns how many orders still wait."""
    shop.pass_time(minutes)
    with shop.running.app.app_context():
        waiting = background_jobs.resolve_all()
    shop.work()
    return waiting


def uses_left(shop: RunningShop) -> int:
    """How often Mia may still use her discount at Omneo, which lists active benefits only."""
    held = shop.benefits_of("1001").get("first-spend")
    return int(held["redemptions_remaining"]) if held else 0


def page_of_the_order(shop: RunningShop, browser: Browser) -> Page:
    return browser.go(f"/orders/{shop.payment_references()[0]}")


def assert_cancelled(shop: RunningShop, browser: Browser, sentence: str) -> None:
    """Nothing is charged, the benefit is there, and the same cart pays with another card."""
    assert row(shop) == ("CANCELLED", "CANCELLED")
    assert set(shop.payment_states()) <= {"voided", "declined"}
    assert sentence in page_of_the_order(shop, browser).text
    assert uses_left(shop) == 1
    browser.go("/checkout")
    if browser.page.has_button("Apply First Spend Discount"):
        browser.press("Apply First Spend Discount")
    assert "Thank you, Mia" in browser.press("Place order", card=cards.APPROVED).text


def assert_paid(shop: RunningShop, browser: Browser) -> None:
    """The money has moved once, the benefit is used, and Omneo has the sale with its redemption."""
    shop.work()
    sale = shop.omneo("GET", f"/transactions/external/{shop.payment_references()[0]}")["data"]

    assert row(shop) == ("PAID", "PAID")
    assert shop.payment_states() == ["captured"]
    assert "Paid" in page_of_the_order(shop, browser).text
    assert uses_left(shop) == 0
    assert sale["redemption"] is not None


def test_continues_from_started(shop: RunningShop) -> None:
    browser = crash_while_placing(shop, "UPDATE orders SET recovery_point", "'AUTHORISED'")
    before = row(shop), shop.payment_states()
    resolve(shop)

    assert before == (("STARTED", "OPEN"), ["approved"])
    assert_cancelled(shop, browser, "The payment did not go through, and you have not been charged.")


def test_continues_from_authorised(shop: RunningShop) -> None:
    browser = crash_while_placing(shop, "UPDATE orders SET recovery_point", "'PAYING'")
    before = row(shop), shop.payment_states()
    resolve(shop)

    assert before == (("AUTHORISED", "OPEN"), ["approved"])
    assert_cancelled(shop, browser, "The payment did not go through, and you have not been charged.")


def test_continues_from_awaiting_approval_when_the_shopper_approves(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    browser.press("Place order", card=cards.REDIRECT)
    before = row(shop), uses_left(shop)
    page = browser.press("Approve payment")

    assert before == (("AWAITING_APPROVAL", "OPEN"), 1)
    assert "Thank you, Mia" in page.text
    assert_paid(shop, browser)


def test_continues_from_awaiting_approval_when_the_shopper_never_returns(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    browser.press("Place order", card=cards.REDIRECT)
    early = resolve(shop, minutes=12)
    late = resolve(shop)

    assert (early, late) == (1, 0)
    assert_cancelled(shop, browser, "The payment was not approved in time. You have not been charged.")


def test_continues_from_paying_before_the_money_moves(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    with crash_after_the_redemption():
        browser.send("Place order", {"card": cards.APPROVED})
    before = row(shop), shop.payment_states(), uses_left(shop)
    resolve(shop)

    assert before == (("PAYING", "UNKNOWN"), ["approved"], 0)
    assert_cancelled(shop, browser, "The payment did not go through, and you have not been charged.")


def test_continues_from_paying_after_the_money_moved(shop: RunningShop) -> None:
    browser = crash_while_placing(shop, "UPDATE orders SET recovery_point", "'PAID'")
    before = row(shop), shop.payment_states()
    resolve(shop)

    assert before == (("PAYING", "UNKNOWN"), ["captured"])
    assert_paid(shop, browser)


@pytest.mark.usefixtures("single_step")
def test_continues_from_awaiting_sale_when_the_shopper_approves(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    browser.press("Place order", card=cards.REDIRECT)
    before = row(shop), uses_left(shop)
    page = browser.press("Approve payment")

    assert before == (("AWAITING_SALE", "UNKNOWN"), 0)
    assert "Thank you, Mia" in page.text
    assert_paid(shop, browser)


@pytest.mark.usefixtures("single_step")
def test_continues_from_awaiting_sale_when_the_shopper_approves_and_does_not_return(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    asked = browser.press("Place order", card=cards.REDIRECT)
    requests.post(asked.url, data={"approve": "yes"}, allow_redirects=False, timeout=60)
    resolve(shop)

    assert_paid(shop, browser)


@pytest.mark.usefixtures("single_step")
def test_continues_from_awaiting_sale_when_the_shopper_never_approves(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    browser.press("Place order", card=cards.REDIRECT)
    resolve(shop)

    assert_cancelled(shop, browser, "The payment was not approved in time. You have not been charged.")


@pytest.mark.usefixtures("impatient")
def test_continues_from_in_doubt(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    page = browser.press("Place order", card=cards.LATE_CAPTURE)
    early = resolve(shop, minutes=0)
    before = row(shop)
    resolve(shop, minutes=2)

    assert "is being confirmed" in page.text
    assert (early, before) == (1, ("IN_DOUBT", "UNKNOWN"))
    assert_paid(shop, browser)


def test_a_paid_order_continues_with_its_refund_alone(shop: RunningShop) -> None:
    browser = at_checkout(shop)
    browser.press("Place order", card=cards.APPROVED)
    waiting = resolve(shop)
    assert_paid(shop, browser)
    browser.follow("Cancel order")
    browser.press("Cancel the order and refund $126.05")
    shop.work()

    assert waiting == 0
    assert row(shop) == ("REFUNDED", "CANCELLED")
    assert uses_left(shop) == 1


def test_an_order_in_the_hands_of_a_request_is_left_to_it(shop: RunningShop) -> None:
    browser = crash_while_placing(shop, "UPDATE orders SET recovery_point", "'PAID'")
    waiting = resolve(shop, minutes=0)
    page = browser.go("/checkout")

    assert waiting == 1
    assert "is being confirmed" in page.text
    assert row(shop) == ("PAYING", "UNKNOWN")


def test_a_payment_in_doubt_waits_while_the_provider_is_down(shop: RunningShop) -> None:
    browser = crash_while_placing(shop, "UPDATE orders SET recovery_point", "'PAID'")
    with shop.provider_down():
        waiting = resolve(shop)
    before = row(shop)
    resolve(shop)

    assert (waiting, before) == (1, ("PAYING", "UNKNOWN"))
    assert_paid(shop, browser)


@pytest.fixture
def order(app: Flask) -> Iterator[Order]:
    """An open order without a benefit, in an app context; nothing listens at the provider's address."""
    with app.app_context():
        yield new_order(EXPRESS)


def new_order(quote: Quote) -> Order:
    cart = Cart(address={"name": "Mia Ngo"})
    db.session.add(cart)
    db.session.commit()
    return orders.create(cart, quote, leased_until=orders.now() + timedelta(minutes=1))[0]


def move_elsewhere(order: Order, point: RecoveryPoint) -> None:
    """Another request moves the order; this session has not read it since."""
    values = {"recovery_point": point, "state": payment_flow.STAGES[point].state}
    step = update(Order).where(Order.number == order.number).values(**values)
    db.session.execute(step, execution_options={"synchronize_session": False})
    db.session.commit()


def test_the_table_has_a_row_for_every_recovery_point_and_every_point_is_reached() -> None:
    reached = {way for stage in payment_flow.STAGES.values() for way in stage.ways}

    assert set(payment_flow.STAGES) == set(RecoveryPoint)
    assert reached == set(RecoveryPoint) - {RecoveryPoint.STARTED}


@pytest.mark.parametrize("target", RecoveryPoint)
@pytest.mark.parametrize("source", RecoveryPoint)
def test_an_order_moves_only_along_the_table(order: Order, source: RecoveryPoint, target: RecoveryPoint) -> None:
    move_elsewhere(order, source)
    db.session.refresh(order)
    is_a_way = target in payment_flow.STAGES[source].ways
    has_moved = payment_flow.move(order, target)
    stage = payment_flow.STAGES[target if has_moved else source]

    assert has_moved == is_a_way
    assert order.recovery_point is (target if is_a_way else source)
    assert order.state is stage.state
    assert not has_moved or (order.leased_until is not None) == (stage.waits_for is not None)


def test_money_never_moves_before_the_order_says_that_it_may() -> None:
    """A way to paid begins where the extension is told UNKNOWN, so that no redemption is rolled back meanwhile."""
    to_paid = [stage for stage in payment_flow.STAGES.values() if RecoveryPoint.PAID in stage.ways]

    assert {stage.state for stage in to_paid} == {State.UNKNOWN, State.PAID}


def test_two_requests_move_an_order_once(order: Order) -> None:
    move_elsewhere(order, RecoveryPoint.PAYING)
    has_moved = payment_flow.move(order, RecoveryPoint.PAYING)

    assert (has_moved, order.recovery_point) == (False, RecoveryPoint.PAYING)


@pytest.mark.parametrize("point", [RecoveryPoint.PAYING, RecoveryPoint.PAID])
def test_an_order_that_moved_on_meanwhile_is_not_cancelled(order: Order, point: RecoveryPoint) -> None:
    move_elsewhere(order, point)
    payment_flow.cancel(order, "too late")

    assert (order.recovery_point, order.problem) == (point, None)


def test_a_cancelled_order_lets_the_cart_check_out_again(order: Order) -> None:
    payment_flow.cancel(order, "The card was declined.")
    cart = db.session.get_one(Cart, order.cart_id, populate_existing=True)

    assert (order.state, order.problem) == (State.CANCELLED, "The card was declined.")
    assert cart.checkout_id != order.checkout_id


def test_an_order_that_another_request_pays_is_left_to_it(app: Flask) -> None:
    with app.app_context():
        free = new_order(PICKUP)
        move_elsewhere(free, RecoveryPoint.PAYING)
        may_continue = payment_flow.start_paying(free)

        assert (may_continue, free.state, free.paid_at) == (False, State.UNKNOWN, None)


def test_an_approval_that_cannot_be_read_changes_nothing(order: Order) -> None:
    payment_flow.move(order, RecoveryPoint.AWAITING_APPROVAL, payment_id="pay_1")
    db.session.commit()
    with pytest.raises(PaymentUnreachable):
        payment_flow.continue_after_redirect(order)

    assert order.recovery_point is RecoveryPoint.AWAITING_APPROVAL


@responses.activate
@pytest.mark.parametrize("style", ["two-step", "single-step"])
def test_no_database_transaction_is_open_while_the_provider_works(
    app: Flask, style: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "PAYMENTS_STYLE", style)
    open_connections: list[int] = []
    points: list[str] = []

    def answer(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        open_connections.append(db.engine_of(app).pool.checkedout())  # type: ignore[attr-defined]  # a QueuePool
        with db.engine_of(app).connect() as connection:
            newest = "SELECT recovery_point FROM orders ORDER BY rowid DESC LIMIT 1"
            points.append(connection.exec_driver_sql(newest).scalar_one())
        status = "approved" if str(request.url).endswith("/payments") else "captured"
        payment = f'{{"id": "p", "reference": "r", "amount": 1495, "currency": "AUD", "status": "{status}"}}'
        return 200, {}, payment

    for path in ("/payments", "/payments/p/capture", "/sales"):
        responses.add_callback(responses.POST, f"http://127.0.0.1:9{path}", answer)
    with app.test_request_context():
        cart = Cart(address={"name": "Mia Ngo"})
        db.session.add(cart)
        db.session.commit()
        order = payment_flow.place(cart, EXPRESS, cards.APPROVED)

    assert order.state is State.PAID
    assert set(open_connections) == {0}
    assert points == (["STARTED", "PAYING"] if style == "two-step" else ["PAYING"])
