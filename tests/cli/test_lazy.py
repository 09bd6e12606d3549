"""The commands are there when they are typed, and not before."""

from __future__ import annotations

import subprocess
import sys

from click import Context

from claimable_benefits.cli.group import commands
from claimable_benefits.cli.lazy import Commands
from tests.cli.conftest import Terminal

STARTED = """
import sys
from claimable_benefits import ClaimableBenefits
late = ["claimable_benefits.cli.group", "claimable_benefits.web.account_pages", "sqlalchemy.orm"]
late += ["sqlalchemy.dialects.postgresql", "babel", "nh3", "segno", "alembic", "redis", "celery", "requests"]
print([name for name in late if name in sys.modules])
"""


def test_they_are_those_of_the_command_line_with_the_same_words() -> None:
    stand_in, context = Commands(), Context(commands)

    assert stand_in.list_commands(context) == commands.list_commands(context)
    assert stand_in.get_command(context, "doctor") is commands.get_command(context, "doctor")
    assert (stand_in.name, stand_in.help) == (commands.name, commands.help)


def test_the_import_of_the_extension_brings_nothing_that_a_start_does_not_need() -> None:
    run = subprocess.run([sys.executable, "-c", STARTED], capture_output=True, text=True, check=True)  # noqa: S603 - ourselves

    assert run.stdout == "[]\n"


def test_the_help_names_every_command_in_a_whole_sentence(terminal: Terminal) -> None:
    said = terminal.says("--help")

    commands = dict(line.split(None, 1) for line in said.partition("Commands:\n")[2].splitlines())
    assert sorted(commands) == [
        *("db", "decide", "define", "doctor", "history", "issue", "prune", "reconcile", "redeem", "resume"),
        *("review", "settings", "show", "submit", "work"),
    ]
    assert [sentence for sentence in commands.values() if not sentence.endswith(".") or "..." in sentence] == []
