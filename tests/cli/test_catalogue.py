"""``define``, ``issue`` and ``show``: definitions, and the benefits of a customer."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.conftest import HAT_DAY, Terminal, hat_day_of_mia

CAP_DAY = {"name": "Cap Day", "handle": "cap-day", "period": 30, "max_redemptions": 2, "is_published": True}


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


FILES: dict[str, tuple[str, str, str]] = {
    "broken TOML": ("hat.toml", "name = \n", r"hat\.toml is no TOML: Invalid value \(at line 1"),
    "broken JSON": ("hat.json", "{", r"hat\.json is no JSON: .* line 1 column 2"),
    "a list": ("hat.json", "[1]", r"hat\.json holds no definition: write name, handle and period as keys"),
    "a number that is none": ("hat.toml", HAT_DAY + "worth = nan\n", r"hat\.toml is no TOML: nan is no number"),
    "infinity in JSON": ("hat.json", '{"period": -Infinity}', r"hat\.json is no JSON: -inf is no number"),
    "more digits than there is room": ("hat.json", '{"period": 1e999999999}', r"1e999999999 is no number"),
    "no handle and no period": ("hat.toml", 'name = "Hat Day"\n', r"The definition lacks handle and period\."),
    "an empty handle": ("hat.toml", HAT_DAY.replace("hat-day", ""), r"The definition lacks handle\."),
    "what Omneo refuses": (
        "hat.toml",
        HAT_DAY.replace("period = 7", "period = -7"),
        r"Omneo refuses this: The given data was invalid\. period must be a whole number",
    ),
}


@pytest.mark.parametrize(("name", "text", "said"), FILES.values(), ids=FILES)
def test_a_file_that_is_no_definition_is_one_line(terminal: Terminal, name: str, text: str, said: str) -> None:
    before = terminal.state()["definitions"]

    assert re.search(said, terminal.refuses("define", terminal.file(name, text)))
    assert before == terminal.state()["definitions"]


def test_a_file_that_is_missing_a_folder_or_no_text_is_one_line(terminal: Terminal) -> None:
    picture = terminal.folder / "hat.toml"
    picture.write_bytes(b"\xff\xd8\xff")

    assert terminal.refuses("define", "missing.toml") == "missing.toml cannot be read: No such file or directory."
    assert terminal.refuses("define", terminal.folder).endswith("cannot be read: Is a directory.")
    assert "hat.toml is no TOML: 'utf-8' codec" in terminal.refuses("define", picture)
