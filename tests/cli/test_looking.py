"""Commands that only look."""

from __future__ import annotations

from claimable_benefits.settings.table import TABLE
from tests.cli.conftest import Terminal, hat_day_of_mia


def test_show_lists_what_a_customer_may_claim_holds_and_has_had(terminal: Terminal) -> None:
    terminal.switch(profile_benefits="all")

    said = terminal.says("show", "--customer", "1002")

    profile = terminal.one("profiles", full_name="Leo Park")["id"]
    assert said == (
        f"Customer 1002 is profile {profile}.\n"
        "\nReady to claim:\n"
        "  free-shipping  Free Shipping\n"
        "  prize-draw  Prize Draw Entry\n"
        "  thank-you-10  Ten Dollars Thank You\n"
        "\nTheirs to use:\n"
        "  4  Complimentary Alterations (alterations), 1 left, until 2027-01-21 23:59 Australia/Melbourne\n"
        "\nUsed up or expired:\n"
        "  (none)\n"
    )


def test_show_keeps_what_is_used_up_apart(terminal: Terminal) -> None:
    benefit_id = hat_day_of_mia(terminal)
    terminal.says("redeem", benefit_id, "--customer", "1001")
    terminal.switch(profile_benefits="all")

    past = terminal.says("show", "--customer", "1001").partition("Used up or expired:\n")[2]

    assert f"  {benefit_id}  Hat Day (hat-day), 0 left" in past


def test_settings_lists_every_key_with_its_default_and_sentence(terminal: Terminal) -> None:
    lines = terminal.says("settings").splitlines()

    assert [line.split()[0] for line in lines[::2]] == [setting.key for setting in TABLE]
    assert [line.strip() for line in lines[1::2]] == [setting.sentence for setting in TABLE]
    assert "BENEFITS_HOLD_MINUTES [30]" in lines
    assert "OMNEO_TOKEN" in lines


def test_the_help_names_every_command_in_a_whole_sentence(terminal: Terminal) -> None:
    said = terminal.says("--help")

    commands = dict(line.split(None, 1) for line in said.partition("Commands:\n")[2].splitlines())
    assert sorted(commands) == [
        *("db", "decide", "define", "doctor", "history", "issue", "reconcile", "redeem", "resume", "review"),
        *("settings", "show", "submit", "work"),
    ]
    assert [sentence for sentence in commands.values() if not sentence.endswith(".") or "..." in sentence] == []
