"""What goes wrong is one line for a person, and loses nothing."""

from __future__ import annotations

import re

import pytest

from tests.cli.conftest import LostAnswers, Terminal

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


def test_a_lost_answer_is_a_doubt_and_not_a_failure(terminal: Terminal) -> None:
    shop = terminal.shop(transport=LostAnswers("/benefits"))
    before = len(terminal.state()["benefits"])

    said = terminal.refuses("issue", "first-spend", "--customer", "1001", shop=shop)

    assert said == (
        "Omneo did not answer: read timeout. (POST /benefits) "
        "It may have happened all the same: check before you repeat it."
    )
    assert len(terminal.state()["benefits"]) == before + 1
