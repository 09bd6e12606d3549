"""The order loader is asked apart from the request: the request's session, its `g` and its teardown are its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime

import pytest
from flask import g

from claimable_benefits import Order, OrderState
from claimable_benefits.loader_calls import LoaderThreads
from tests.shops.conftest import NewShop, Purchase, ScopedShop, sale
from tests.support.waiting import LIMIT


def capture_declined() -> None:
    raise ConnectionError("the card was declined")


def decline(shop: ScopedShop, number: str) -> Purchase:
    """Place an order whose card is declined, as a view does: the order is cancelled and committed afterwards."""
    purchase = shop.open(number)
    try:
        with shop.benefits.redeeming(number):
            capture_declined()
    except ConnectionError:
        purchase.state = "cancelled"
        shop.session.commit()
    return purchase


def test_a_declined_card_does_not_lose_the_shops_write(new_shop: NewShop) -> None:
    shop = new_shop()
    before = shop.live_uses()

    with shop.app.test_request_context("/checkout"):
        shop.apply()
        decline(shop, "A1")

    assert shop.loaded == ["A1"]
    assert shop.stored("A1") == "cancelled"
    assert shop.live_uses() == before


def test_an_order_that_is_submitted_in_the_requests_session_after_a_worker_turn_is_not_lost(new_shop: NewShop) -> None:
    shop = new_shop()

    with shop.app.test_request_context("/checkout"):
        shop.apply()
        purchase = shop.open("A1")
        with shop.benefits.redeeming("A1", session=shop.session):
            pass
        purchase.state = "paid"
        shop.runtime.context.order_loader("A1")
        shop.benefits.submit(sale("A1"), session=shop.session)
        shop.session.commit()

    assert shop.stored("A1") == "paid"


@pytest.mark.timing
def test_a_pool_of_one_connection_does_not_wait_for_itself(new_shop: NewShop) -> None:
    shop = new_shop(pool_size=1, max_overflow=0, pool_timeout=LIMIT)

    with shop.app.test_request_context("/checkout"):
        shop.apply()
        purchase = shop.open("A1")
        purchase.state  # noqa: B018 - read anew after the commit: the request holds the only connection
        with pytest.raises(ConnectionError), shop.benefits.redeeming("A1"):
            capture_declined()
        purchase.state = "cancelled"
        shop.session.commit()

    assert shop.stored("A1") == "cancelled"


def test_the_loader_has_no_g_and_no_request_of_the_caller(new_shop: NewShop) -> None:
    shop = new_shop()
    seen: list[tuple[object, str]] = []

    @shop.benefits.order_loader
    def order(_number: str) -> Order | None:
        seen.append((g.get("customer"), threading.current_thread().name))
        g.customer = "the loader's"
        return None

    with shop.app.test_request_context("/checkout"):
        g.customer = "the request's"
        shop.runtime.context.order_loader("A1")

        assert g.customer == "the request's"
    assert seen == [(None, "claimable-benefits-loader")]


def test_teardown_functions_run_with_the_loaders_context_and_not_in_the_request(new_shop: NewShop) -> None:
    shop = new_shop()
    torn_down: list[str] = []
    shop.app.teardown_appcontext(lambda _error: torn_down.append(threading.current_thread().name))

    with shop.app.test_request_context("/checkout"):
        shop.runtime.context.order_loader("A1")
        during = list(torn_down)

    assert during == ["claimable-benefits-loader"]
    assert len(torn_down) == 2


def test_a_periods_orders_are_asked_for_apart_from_the_request_too(new_shop: NewShop) -> None:
    shop = new_shop()
    threads: list[str] = []

    @shop.benefits.orders_loader
    def orders(_since: datetime, _until: datetime) -> Iterator[Order]:
        threads.append(threading.current_thread().name)
        yield Order("A1", OrderState.OPEN)

    with shop.app.test_request_context("/checkout"):
        purchase = shop.open("A1")
        now = shop.runtime.context.clock()
        found = shop.runtime.context.orders_loader(now, now)
        purchase.state = "cancelled"
        shop.session.commit()

    assert found == [Order("A1", OrderState.OPEN)]
    assert threads == ["claimable-benefits-loader"]
    assert shop.stored("A1") == "cancelled"


def test_a_write_of_the_request_that_is_open_does_not_hold_the_loader_up(new_shop: NewShop) -> None:
    shop = new_shop()

    with shop.app.test_request_context("/checkout"):
        shop.open("A1")
        shop.session.add(Purchase(number="A2", state="open"))
        shop.session.flush()
        known = shop.runtime.context.order_loader("A1")
        unknown = shop.runtime.context.order_loader("A2")

    assert known is not None
    assert unknown is None  # it is not committed


class TestLoaderThreads:
    def test_an_answer_that_does_not_come_is_a_timeout(self, new_shop: NewShop) -> None:
        threads, free = LoaderThreads(new_shop().app), threading.Event()

        with pytest.raises(TimeoutError, match="has not answered within"):
            threads.call(lambda: free.wait(LIMIT), seconds=0.01)
        free.set()

    def test_what_the_loader_raises_is_raised(self, new_shop: NewShop) -> None:
        threads = LoaderThreads(new_shop().app)

        with pytest.raises(ZeroDivisionError):
            threads.call(lambda: 1 / 0, seconds=LIMIT)

    def test_a_timeout_of_the_loaders_own_stays_its_own(self, new_shop: NewShop) -> None:
        threads = LoaderThreads(new_shop().app)

        def load() -> None:
            raise TimeoutError("the shop's cache")

        with pytest.raises(TimeoutError, match="the shop's cache"):
            threads.call(load, seconds=LIMIT)

    def test_loaders_that_hang_do_not_fill_the_process_with_threads(self, new_shop: NewShop) -> None:
        threads, free = LoaderThreads(new_shop().app, most=1), threading.Event()
        with pytest.raises(TimeoutError):
            threads.call(lambda: free.wait(LIMIT), seconds=0.01)

        with pytest.raises(TimeoutError, match="Every earlier call"):
            threads.call(lambda: True, seconds=0.01)

        free.set()
        assert threads.call(lambda: True, seconds=LIMIT)
