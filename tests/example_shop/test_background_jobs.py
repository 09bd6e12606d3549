"""The background job: it resolves every order, and one that fails does not stop the others."""

from __future__ import annotations

from example_shop import background_jobs
from example_shop.payments import cards
from tests.example_shop.conftest import RunningShop


def crash(shop: RunningShop, shopper: str) -> None:
    """Somebody buys a mug, and the process dies after the money has moved."""
    browser = shop.browser(shopper, "tideline-mug")
    browser.go("/checkout")
    with shop.dying_before("UPDATE orders SET recovery_point", "'PAID'"):
        browser.send("Place order", {"card": cards.APPROVED})


def test_the_command_resolves_orders_and_says_how_many_wait(shop: RunningShop) -> None:
    crash(shop, "Leo Park")
    runner = shop.running.app.test_cli_runner()
    early = runner.invoke(background_jobs.resolve_orders)
    shop.pass_time(2)
    late = runner.invoke(background_jobs.resolve_orders)

    assert (early.output, late.output) == ("1 orders are still open.\n", "0 orders are still open.\n")
    assert shop.payment_states() == ["captured"]


def test_an_order_that_raises_does_not_stop_the_others(shop: RunningShop) -> None:
    crash(shop, "Leo Park")
    crash(shop, "Ava Rossi")
    shop.pass_time(2)
    broken = shop.payment_references()[0]
    with shop.running.app.app_context(), shop.failing_before("UPDATE orders SET recovery_point", broken):
        waiting = background_jobs.resolve_all()

    assert waiting == 1
