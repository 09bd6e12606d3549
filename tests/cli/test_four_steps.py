"""The guide's four steps: define, issue, redeem, submit."""

from __future__ import annotations

from tests.cli.conftest import HAT_DAY, Terminal


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
