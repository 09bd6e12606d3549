"""The guide's four steps: define, issue, redeem, submit."""

from __future__ import annotations

import json

from tests.cli.conftest import HAT_DAY, Terminal

CAP_DAY = {"name": "Cap Day", "handle": "cap-day", "period": 30, "max_redemptions": 2, "is_published": True}


def test_the_four_steps_of_the_guide(terminal: Terminal) -> None:
    defined = terminal.says("define", terminal.file("hat-day.toml", HAT_DAY))
    definition = terminal.one("definitions", handle="hat-day")

    assert defined == (
        f"Created definition {definition['id']}: Hat Day (hat-day).\n"
        "Issue it to a customer:  flask benefits issue hat-day --customer ID\n"
    )
    assert (definition["name"], definition["period"], definition["tags"]) == ("Hat Day", 7, ["hats", "new-member"])
    assert definition["value"] == 7.5

    issued = terminal.says("issue", "hat-day", "--customer", "1001")
    benefit = terminal.one("benefits", definition_id=definition["id"])

    assert issued == (
        f"Issued benefit {benefit['id']}: Hat Day to customer 1001, valid until 2026-03-09 23:59 Australia/Melbourne.\n"
        f"Record its use:  flask benefits redeem {benefit['id']} --customer 1001\n"
    )
    assert benefit["profile_id"] == terminal.one("profiles", full_name="Mia Ngo")["id"]

    redeemed = terminal.says("redeem", str(benefit["id"]), "--customer", "1001")
    redemption = terminal.state()["redemptions"][-1]

    assert redeemed == (
        f"Redeemed Hat Day: redemption {redemption['id']}.\n"
        "Link it to its sale:  flask benefits submit ORDER --customer 1001 --total 89.99 "
        f"--redemption {redemption['id']}\n"
    )
    assert (redemption["type"], redemption["live"]) == ("redeem", 1)
    assert [item["benefit_id"] for item in redemption["items"]] == [benefit["id"]]

    amounts = ("--total", "89.99", "--total-original", "99.99")
    link = ("--customer", "1001", "--redemption", str(redemption["id"]))
    submitted = terminal.says("submit", "WEB-7", *amounts, *link)
    transaction = terminal.one("transactions", external_id="WEB-7")

    link_said = f"with redemption {redemption['id']}"
    assert submitted == f"Recorded order WEB-7 as transaction {transaction['id']}, {link_said}.\n"
    assert (transaction["total"], transaction["total_original"]) == (89.99, 99.99)
    assert transaction["redemption_id"] == redemption["id"]
    assert transaction["profile_id"] == benefit["profile_id"]


def test_a_definition_may_be_json(terminal: Terminal) -> None:
    said = terminal.says("define", terminal.file("cap-day.JSON", "\ufeff" + json.dumps(CAP_DAY)))

    definition = terminal.one("definitions", handle="cap-day")
    assert said.startswith(f"Created definition {definition['id']}: Cap Day (cap-day).\n")
    assert definition["max_redemptions"] == 2


def test_defining_twice_changes_nothing_and_says_so(terminal: Terminal) -> None:
    terminal.says("define", terminal.file("hat-day.toml", HAT_DAY))
    definition = terminal.one("definitions", handle="hat-day")

    said = terminal.says("define", terminal.file("other.toml", HAT_DAY.replace("7", "9")))

    assert said == f"hat-day exists already as definition {definition['id']}. Nothing was changed.\n"
    assert definition == terminal.one("definitions", handle="hat-day")


def test_times_in_a_definition_are_taken_as_they_are_written(terminal: Terminal) -> None:
    times = """
is_claimable = true
claim_period_start_at = 2026-03-01 09:00:00
claim_period_end_at = 2026-04-30T13:00:00Z

[meta]
opens = 07:30:00
since = 2020-05-01
"""
    shop = terminal.shop(OMNEO_TIMEZONE="UTC")
    terminal.says("define", terminal.file("hat-day.toml", HAT_DAY + times), shop=shop)

    definition = terminal.one("definitions", handle="hat-day")
    period = (definition["claim_period_start_at"], definition["claim_period_end_at"])
    assert definition["meta"] == {"opens": "07:30:00", "since": "2020-05-01"}
    assert period == ("2026-03-01 09:00:00", "2026-04-30 13:00:00")


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
