"""The commands are there when they are typed, and not before."""

from __future__ import annotations

import subprocess
import sys

from click import Context

from claimable_benefits.cli.lazy import Commands
from claimable_benefits.cli.staff import commands

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
