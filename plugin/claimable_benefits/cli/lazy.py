"""The commands of ``flask benefits``, imported when somebody types one: a server that starts needs none of them."""

from __future__ import annotations

from click import Command, Context, Group

HELP = "Loyalty benefits from Omneo: define, issue, redeem, submit, show."


class Commands(Group):
    """Stands in for `claimable_benefits.cli.staff.commands`, and has what that has."""

    def __init__(self) -> None:
        super().__init__("benefits", help=HELP)

    def list_commands(self, ctx: Context) -> list[str]:
        return _all().list_commands(ctx)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        return _all().get_command(ctx, cmd_name)


def _all() -> Group:
    from claimable_benefits.cli.staff import commands

    return commands
