"""What is not known about the real Omneo, as switches: each value describes a tenant that may exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from claimable_benefits.sandbox.state.switch_table import SWITCH_ROWS

PREFIX = "switch."


@dataclass(frozen=True)
class Switch:
    """One unknown: its values (the first is the default), what it changes, where it comes from and how sure it is."""

    name: str
    values: tuple[str, ...]
    about: str
    source: str
    confidence: str

    @property
    def default(self) -> str:
        """Return the value that a new sandbox has."""
        return self.values[0]


SWITCHES = {row[0]: Switch(*row) for row in SWITCH_ROWS}


def switch_errors(wanted: Mapping[str, object]) -> dict[str, str]:
    """Return what is wrong with the given names and values: one sentence for each."""
    errors = {}
    for name, value in wanted.items():
        switch = SWITCHES.get(name)
        if switch is None:
            errors[name] = f"There is no switch {name!r}; there are {', '.join(SWITCHES)}."
        elif value not in switch.values:
            errors[name] = f"{name} is one of {', '.join(switch.values)}, not {value!r}."
    return errors


def switch_values(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the value of every switch, from the stored settings or its default."""
    return {name: settings.get(PREFIX + name, switch.default) for name, switch in SWITCHES.items()}
