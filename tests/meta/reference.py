"""``python -m tests.meta.reference``: write the tables of settings, commands, faults and switches into the docs.

Each stands between two comments; everything else on its page stays as it is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator

import click

from claimable_benefits.sandbox import SWITCHES
from claimable_benefits.sandbox.state.fault_injector import KINDS
from claimable_benefits.settings.table import TABLE
from tests.meta.pages import COMMANDS, ROOT, read

BAR = r"\|"  # a bar that ends no cell


def settings() -> str:
    """Return the table of settings, as the code has them."""
    rows = [
        f"| `{one.key}` | {one.kind} | {'' if one.default in (None, '') else f'`{one.default}`'} | {one.sentence} |"
        for one in TABLE
    ]
    return "\n".join(["| key | takes | default | what it is for |", "|---|---|---|---|", *rows])


def commands() -> str:
    """Return a section for each command, as click knows it."""
    return "\n\n".join(_section(ctx) for ctx in contexts(COMMANDS, "flask benefits"))


def faults() -> str:
    """Return the table of the sandbox's faults."""
    rows = [f"| `{kind}` | {told} |" for kind, told in KINDS.items()]
    return "\n".join(["| kind | what it does |", "|---|---|", *rows])


def switches() -> str:
    """Return the table of the sandbox's switches."""
    rows = [
        f"| `{one.name}` | {', '.join(f'`{value}`' for value in one.values)} | {one.about} |"
        for one in SWITCHES.values()
    ]
    return "\n".join(["| switch | values | what it changes |", "|---|---|---|", *rows])


def contexts(group: click.Group, path: str) -> Iterator[click.Context]:
    """Yield a context for each command of a group, those of its groups included."""
    parent = click.Context(group, info_name=path)
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from contexts(command, f"{path} {name}")
        else:
            yield click.Context(command, info_name=f"{path} {name}")


def _section(ctx: click.Context) -> str:
    pieces = [piece for piece in ctx.command.collect_usage_pieces(ctx) if piece != "[OPTIONS]"]
    told = inspect.cleandoc(ctx.command.help or "")
    rows = [
        f"| `{names.replace('|', BAR)}` | {words} |"
        for option in ctx.command.params
        if isinstance(option, click.Option) and (record := option.get_help_record(ctx))
        for names, words in [record]
    ]
    table = ["", "| option | what it does |", "|---|---|", *rows] if rows else []
    return "\n".join([f"### {ctx.info_name}", "", f"`{' '.join([str(ctx.info_name), *pieces])}`", "", told, *table])


REGIONS: dict[str, tuple[str, Callable[[], str]]] = {
    "settings": ("docs/configuration.md", settings),
    "commands": ("docs/command-line.md", commands),
    "faults": ("docs/sandbox.md", faults),
    "switches": ("docs/sandbox.md", switches),
}


def region(name: str) -> tuple[str, str, str]:
    """Return a page's text before, in and after one of its regions."""
    page, _ = REGIONS[name]
    before, _, rest = read(page).partition(begin := f"<!-- {name}: written by `python -m tests.meta.reference` -->\n")
    inside, _, after = rest.partition(end := f"<!-- /{name} -->")
    return before + begin, inside.rstrip("\n"), end + after


def main() -> None:
    """Write all of them."""
    for name, (page, make) in REGIONS.items():
        before, _, after = region(name)
        (ROOT / page).write_text(f"{before}{make()}\n{after}", "utf-8")


if __name__ == "__main__":
    main()
