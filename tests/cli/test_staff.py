"""What staff do at a terminal: see what waits, decide, compare, and read what happened."""

from __future__ import annotations

import json

import httpx
from click.testing import Result
from flask import Flask

from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger.events import Audit
from claimable_benefits.ledger.uses import move_use, use_of_redemption
from claimable_benefits.runtime import Runtime
from tests.cli.conftest import Terminal, hat_day_of_mia, number_after


def runtime(shop: Flask) -> Runtime:
    found: Runtime = shop.extensions["claimable_benefits"]
    return found


def run(terminal: Terminal, *args: str) -> Result:
    return terminal.shops[0].test_cli_runner().invoke(args=["benefits", *args])


def waiting_use(terminal: Terminal) -> str:
    """A use whose rollback Omneo refused; gives its id."""
    benefit = hat_day_of_mia(terminal)
    redemption = number_after("redemption", terminal.says("redeem", benefit, "--customer", "1001"))
    context = runtime(terminal.shops[0]).context
    audit = Audit("worker", "Omneo refused both", terminal.clock.now)
    with context.ledger.write() as connection:
        use = use_of_redemption(connection, redemption)
        assert use is not None
        rolling_back = move_use(connection, use, UseState.ROLLING_BACK, audit)
        return move_use(connection, rolling_back, UseState.MANUAL_REVIEW, audit, note="Omneo refused both").use_id


def sold(terminal: Terminal, shop: Flask | None = None) -> None:
    terminal.says("submit", "WEB-7", "--customer", "1001", "--total", "5", shop=shop)


def test_nothing_waits_in_a_healthy_shop(terminal: Terminal) -> None:
    assert terminal.says("review") == "Nothing waits for manual review.\n"


def test_what_waits_is_listed_with_the_commands_that_move_it(terminal: Terminal) -> None:
    terminal.shop()
    use_id = waiting_use(terminal)
    terminal.refuses("submit", "WEB-8", "--total", "5", "--redemption", "999999")

    result = run(terminal, "review")

    assert result.exit_code == 1
    assert f"use {use_id}: Hat Day of customer 1001" in result.stdout
    assert f"flask benefits decide {use_id} --as roll-back" in result.stdout
    assert "There is no such redemption." in result.stdout
    assert "flask benefits resume WEB-8 --without-redemption" in result.stdout


def test_staff_decide_with_a_reason_that_the_history_keeps(terminal: Terminal) -> None:
    terminal.shop()
    use_id = waiting_use(terminal)

    said = terminal.says("decide", use_id, "--as", "consumed", "--reason", "the shopper had the hat")
    told = terminal.says("history", use_id)

    assert said == f"Use {use_id} is consumed now.\n"
    assert "the shopper had the hat" in told.splitlines()[-1]
    assert "(staff" in told.splitlines()[-1]
    assert "2026-03-02 12:00 Australia/Melbourne" in told


def test_the_rollback_can_be_tried_again(terminal: Terminal) -> None:
    terminal.shop()
    use_id = waiting_use(terminal)

    said = terminal.says("decide", use_id, "--as", "roll-back", "--reason", "Omneo support repaired it")

    assert said == f"Use {use_id} is rolled back now.\n"
    assert terminal.one("redemptions", type="reversal")["type"] == "reversal"


def test_a_use_that_does_not_wait_is_not_decided_about(terminal: Terminal) -> None:
    terminal.shop()
    use_id = waiting_use(terminal)
    terminal.says("decide", use_id, "--as", "rolled-back", "--reason", "seen at Omneo")

    again = terminal.refuses("decide", use_id, "--as", "consumed", "--reason", "changed my mind")
    nobody = terminal.refuses("decide", "nobody", "--as", "rolled-back", "--reason", "x")
    empty = terminal.refuses("decide", use_id, "--as", "rolled-back", "--reason", " ")

    assert again == f"Use {use_id} does not wait for manual review: it is rolled back."
    assert nobody == "The ledger has no use nobody."
    assert empty.startswith("Say why with --reason")


def test_the_history_of_nothing_is_refused(terminal: Terminal) -> None:
    assert terminal.refuses("history", "WEB-1") == "The ledger knows neither a use nor an order 'WEB-1'."


def test_a_shop_that_agrees_with_omneo_gets_a_report_without_disagreements(terminal: Terminal) -> None:
    sold(terminal)

    said = terminal.says("reconcile")

    assert said.startswith("1 orders and 0 profiles compared, 2026-02-23 12:00 Australia/Melbourne to ")
    assert (
        ": 0 repaired, 0 left. The outbox was compared instead of the shop's orders: register an orders_loader.\n"
        in said
    )


def test_what_disagrees_is_reported_repaired_and_agrees_afterwards(terminal: Terminal) -> None:
    sold(terminal)
    context = runtime(terminal.shops[0]).context
    context.omneo.void_transaction(str(terminal.one("transactions", external_id="WEB-7")["id"]))

    terminal.clock.forward(minutes=1)
    told = run(terminal, "reconcile")
    repaired = run(terminal, "reconcile", "--repair", "--json")
    again = run(terminal, "reconcile", "--repair")

    assert (told.exit_code, repaired.exit_code, again.exit_code) == (1, 0, 0)
    assert "it is void. [transaction_differs]" in told.stdout
    assert json.loads(repaired.stdout)["repaired"] == ["The transaction of order WEB-7 is delivered again."]
    assert json.loads(repaired.stdout)["left"] == []
    assert ": 0 repaired, 0 left." in again.stdout


def test_a_period_that_is_none_is_refused(terminal: Terminal) -> None:
    assert terminal.refuses("reconcile", "--since", "soon").startswith("--since 'soon' is no date")
    assert terminal.refuses("reconcile", "--since", "2030-01-01").startswith("The period is empty")


def test_a_comparison_without_omneo_is_one_line(terminal: Terminal) -> None:
    sold(terminal)
    terminal.omneo.close()

    assert terminal.refuses("reconcile").startswith("Omneo did not answer")


class NoTransactions(httpx.BaseTransport):
    """The way to an Omneo whose list of transactions is unreadable every time."""

    def __init__(self) -> None:
        self._inner = httpx.HTTPTransport()

    def close(self) -> None:
        self._inner.close()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET" and "/transactions" in request.url.path:
            return httpx.Response(200, text="<p>We will be back", request=request)
        return self._inner.handle_request(request)


def test_what_could_not_be_read_is_said_at_the_end_with_a_failing_exit_code(terminal: Terminal) -> None:
    pauses: list[float] = []
    terminal.shop(transport=NoTransactions(), sleep=pauses.append)
    sold(terminal, terminal.shop())

    told = run(terminal, "reconcile")
    as_json = json.loads(run(terminal, "reconcile", "--json").stdout)

    *_, last_found, counts = told.stdout.splitlines()
    assert told.exit_code == 1
    assert last_found.startswith("What Omneo has of order WEB-7 cannot be read")
    assert counts.endswith("1 could not be read, and so were not compared: run it again later.")
    assert (as_json["unread"], len(pauses) > 3) == (1, True)


def test_prune_says_what_it_deleted_and_which_setting_is_missing(terminal: Terminal) -> None:
    kept = terminal.shop()
    sold(terminal)
    terminal.clock.forward(minutes=10)
    terminal.says("work", "--once")  # the delivery is read back
    terminal.clock.forward(days=100)
    pruning = terminal.shop(BENEFITS_KEEP_DAYS=90)

    first = terminal.says("prune", shop=kept)
    second = terminal.says("prune", shop=pruning)

    assert first.startswith("Deleted 0 uses, 0 claims and 0 delivered transactions.\nBENEFITS_KEEP_DAYS is not set")
    assert second == "Deleted 0 uses, 0 claims and 1 delivered transactions.\n"
