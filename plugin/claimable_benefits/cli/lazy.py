"""The group of ``flask benefits`` that an app registers: it imports the commands when one is run."""

from __future__ import annotations

from click import Command, Context, Group

HELP = "Loyalty benefits from Omneo: define, issue, redeem, submit, show."


class Commands(Group):
    """Has the commands of `claimable_benefits.cli.group`, and imports them late: a server needs none of them."""

    def __init__(self) -> None:
        super().__init__("benefits", help=HELP)

    def list_commands(self, ctx: Context) -> list[str]:
        """Name the commands, sorted."""
        return _group().list_commands(ctx)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Find a command by its name."""
        return _group().get_command(ctx, cmd_name)


def _group() -> Group:
    from claimable_benefits.cli.group import commands

    return commands
