"""What goes wrong is one line for a person, and loses nothing."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import HAT_DAY, NOBODY, LostAnswers, Terminal, hat_day_of_mia, number_after

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


UNKNOWN: dict[str, tuple[tuple[str, ...], str]] = {
    "a handle": (("issue", "nope", "--customer", "1001"), "Omneo has no benefit definition with the handle 'nope'."),
    "a customer to issue to": (("issue", "first-spend", "--customer", "zz"), "Omneo does not know customer 'zz'."),
    "a customer to redeem for": (("redeem", "1", "--customer", "zz"), "Omneo does not know customer 'zz'."),
    "a customer to show": (("show", "--customer", "zz"), "Omneo does not know customer 'zz'."),
    "a customer to sell to": (
        ("submit", "A1", "--customer", "zz", "--total", "1"),
        "Omneo does not know customer 'zz'.",
    ),
    "a benefit": (("redeem", "99999", "--customer", "1001"), "Customer 1001 has no usable benefit 99999."),
    "somebody else's benefit": (("redeem", "4", "--customer", "1001"), "Customer 1001 has no usable benefit 4."),
    "an order": (("resume", "A1"), "The delivery of order A1 is not stopped; nothing was changed."),
}


@pytest.mark.parametrize(("command", "said"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_is_unknown_is_named_in_one_line(terminal: Terminal, command: tuple[str, ...], said: str) -> None:
    before = terminal.state()

    assert said == terminal.refuses(*command)
    assert before == terminal.state()


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


COMMANDS: dict[str, tuple[str, ...]] = {
    "issue": ("issue", "first-spend", "--customer", "1001"),
    "redeem": ("redeem", "1", "--customer", "1001"),
    "show": ("show", "--customer", "1001"),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_omneo_down_is_one_line(terminal: Terminal, command: tuple[str, ...]) -> None:
    shop = terminal.shop()
    terminal.omneo.close()

    said = terminal.refuses(*command, shop=shop)

    assert re.fullmatch(r"Omneo did not answer: connect error\. \(GET /[a-z/-]+\)", said)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_wrong_token_is_one_line_with_the_remedy(terminal: Terminal, command: tuple[str, ...]) -> None:
    said = terminal.refuses(*command, shop=terminal.shop(OMNEO_TOKEN="wr0ng-token"))

    assert said.startswith("Omneo does not accept the token. (GET /")
    assert said.endswith(" 401) Check OMNEO_TOKEN and its permissions.")
    assert "wr0ng" not in said


def test_a_sale_with_omneo_down_is_kept_and_delivered_later(terminal: Terminal) -> None:
    down = terminal.shop(OMNEO_BASE_URL=NOBODY)

    said = terminal.refuses("submit", "A1", "--customer", "1001", "--total", "5", shop=down)
    terminal.clock.forward(hours=1)
    worked = terminal.says("work", "--once", shop=terminal.shop())

    assert said.startswith("Order A1 is queued, but not at Omneo yet; the worker goes on trying. ")
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
    assert said.endswith(" Mend it, then: flask benefits resume A2")
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


def test_a_lost_answer_is_a_doubt_and_not_a_failure(terminal: Terminal) -> None:
    shop = terminal.shop(transport=LostAnswers("/benefits"))
    before = len(terminal.state()["benefits"])

    said = terminal.refuses("issue", "first-spend", "--customer", "1001", shop=shop)

    assert said == (
        "Omneo did not answer: read timeout. (POST /benefits) "
        "It may have happened all the same: look before you repeat it."
    )
    assert len(terminal.state()["benefits"]) == before + 1


def test_a_redemption_whose_answer_was_lost_is_found_and_made_once(terminal: Terminal) -> None:
    shop = terminal.shop(transport=LostAnswers("/redemptions"))

    said = terminal.says("redeem", "1", "--customer", "1001", shop=shop)

    made = [row for row in terminal.state()["redemptions"] if row["items"][0]["benefit_id"] == 1]
    assert [f"redemption {row['id']}." in said for row in made] == [True]
