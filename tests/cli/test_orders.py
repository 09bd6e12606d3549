"""``redeem``, ``submit`` and ``resume``: a use, a sale and its delivery."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import LostAnswers, Terminal, Unreachable, hat_day_of_mia, number_after


def test_a_sale_without_a_benefit_needs_no_redemption_and_no_customer(terminal: Terminal) -> None:
    said = terminal.says("submit", "WEB-8", "--total", "0", "--currency", "NZD")

    transaction = terminal.one("transactions", external_id="WEB-8")
    assert said == f"Recorded order WEB-8 as transaction {transaction['id']}.\n"
    assert (transaction["total"], transaction["profile_id"]) == (0, None)


def test_a_sale_submitted_twice_is_one_transaction(terminal: Terminal) -> None:
    first = terminal.says("submit", "WEB-9", "--customer", "1001", "--total", "5.00")
    second = terminal.says("submit", "WEB-9", "--customer", "1001", "--total", "5.00")

    assert first == second
    assert terminal.one("transactions", external_id="WEB-9")["total"] == 5


def test_a_sale_submitted_again_with_another_total_is_corrected(terminal: Terminal) -> None:
    terminal.says("submit", "WEB-9", "--customer", "1001", "--total", "5.00")
    terminal.says("submit", "WEB-9", "--customer", "1001", "--total", "4.50")

    assert terminal.one("transactions", external_id="WEB-9")["total"] == 4.5


@pytest.mark.parametrize("option", ["--total", "--total-original"])
def test_a_bad_amount_is_named_and_nothing_is_queued(terminal: Terminal, option: str) -> None:
    rest = [] if option == "--total" else ["--total", "5"]

    for amount in ("ten", "89,99", " ", "nan", "Infinity", "-5", "$5"):
        said = terminal.refuses("submit", "A1", option, amount, *rest)

        assert said == f"{option} {amount!r} is no amount; write one such as 89.99."
    assert terminal.says("work", "--once") == "There was nothing that could be finished now.\n"


def test_a_benefit_is_not_used_more_often_than_it_can_be(terminal: Terminal) -> None:
    benefit_id = hat_day_of_mia(terminal)
    terminal.says("redeem", benefit_id, "--customer", "1001")

    assert terminal.refuses("redeem", benefit_id, "--customer", "1001") == (
        f"Customer 1001 has no usable benefit {benefit_id}."
    )
    items = [item for row in terminal.state()["redemptions"] for item in row["items"]]
    assert len([item for item in items if str(item["benefit_id"]) == benefit_id]) == 1


def test_a_sale_with_omneo_down_is_kept_and_delivered_later(terminal: Terminal) -> None:
    down = terminal.shop(transport=Unreachable())

    said = terminal.refuses("submit", "A1", "--customer", "1001", "--total", "5", shop=down)
    terminal.clock.forward(hours=1)
    worked = terminal.says("work", "--once", shop=terminal.shop())

    assert said.startswith("Order A1 is queued, but not at Omneo yet; the worker retries. ")
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d UTC  1 delivered, 0 resolved, 0 orders decided, 0 rolled back, 0 holds released\.\n", worked
    )
    assert terminal.one("transactions", external_id="A1")["total"] == 5


def test_a_sale_with_a_wrong_token_is_kept_and_delivered_later(terminal: Terminal) -> None:
    locked_out = terminal.shop(OMNEO_TOKEN="wr0ng-token")

    said = terminal.refuses("submit", "A1", "--customer", "1001", "--total", "5", shop=locked_out)
    terminal.clock.forward(hours=1)
    terminal.says("work", "--once", shop=terminal.shop())

    assert "Order A1 is queued" in said
    assert "Omneo does not accept the token." in said
    assert terminal.one("transactions", external_id="A1")["total"] == 5


def test_a_refused_sale_says_why_and_is_resumed_by_hand(terminal: Terminal) -> None:
    benefit_id = hat_day_of_mia(terminal)
    redemption = number_after("redemption", terminal.says("redeem", benefit_id, "--customer", "1001"))
    terminal.switch(redemption_link="strict")
    sale = ("--customer", "1001", "--total", "5", "--redemption", redemption)
    terminal.says("submit", "A1", *sale)

    said = terminal.refuses("submit", "A2", *sale)
    untouched = terminal.says("work", "--once")
    terminal.switch(redemption_link="lenient")
    resumed = terminal.says("resume", "A2")
    worked = terminal.says("work", "--once")

    assert said.startswith("Omneo refuses order A2: The given data was invalid. ")
    assert said.endswith(" Fix it, then: flask benefits resume A2")
    assert len(said.split(". ")) > 2, "it should say which field is wrong"
    assert untouched == "There was nothing that could be finished now.\n"
    assert resumed == "The transaction of order A2 is due again.\n"
    assert "1 delivered" in worked
    assert str(terminal.one("transactions", external_id="A2")["redemption_id"]) == redemption


def test_a_sale_with_a_redemption_that_omneo_does_not_know_is_corrected_by_submitting_it_again(
    terminal: Terminal,
) -> None:
    said = terminal.refuses("submit", "A1", "--customer", "1001", "--total", "5", "--redemption", "999999")
    corrected = terminal.says("submit", "A1", "--customer", "1001", "--total", "5")

    assert "There is no such redemption." in said
    assert corrected.startswith("Recorded order A1 as transaction ")


def test_a_redemption_whose_answer_was_lost_is_found_and_made_once(terminal: Terminal) -> None:
    shop = terminal.shop(transport=LostAnswers("/redemptions"))

    said = terminal.says("redeem", "1", "--customer", "1001", shop=shop)

    made = [row for row in terminal.state()["redemptions"] if row["items"][0]["benefit_id"] == 1]
    assert [f"redemption {row['id']}." in said for row in made] == [True]


def test_a_sale_goes_without_the_redemption_that_omneo_does_not_know(terminal: Terminal) -> None:
    terminal.shop()
    terminal.refuses("submit", "WEB-8", "--total", "5", "--redemption", "999999")

    terminal.says("resume", "WEB-8", "--without-redemption")
    terminal.says("work", "--once")

    assert terminal.one("transactions", external_id="WEB-8")["redemption_id"] is None
    assert "without redemption 999999" in terminal.says("history", "WEB-8")
