"""What is not known about the real Omneo, as switches: every value is a tenant that may exist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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


SWITCHES = {
    switch.name: switch
    for switch in (
        Switch(
            "dialect",
            ("both", "guide", "reference"),
            "Which family of paths answers: the guide's, the API reference's, or both. The others answer 404.",
            "Omneo facts 15",
            "The guide's paths are stated by the guide, the reference's by the SDK; no tenant was seen.",
        ),
        Switch(
            "duplicate_external_id",
            ("allow", "reject", "replay"),
            "A second redemption with a known external_id: is made, is refused with 422, or answers the first one.",
            "Omneo facts 16.23",
            "Unknown; a client must be right under all three.",
        ),
        Switch(
            "profile_benefits",
            ("active", "all"),
            "What the list of a profile's benefits holds: those that can still be used, or every one ever issued.",
            "Omneo facts 5 and 15",
            "The guide says active, the older reference says all.",
        ),
        Switch(
            "dates",
            ("utc", "echo"),
            "Times in answers: UTC, or the wall clock in the time zone that was sent.",
            "Omneo facts 1.5",
            "UTC in the newest tests of the SDK, echoed in its older ones.",
        ),
        Switch(
            "external_id_filter",
            ("honoured", "ignored"),
            "filter[external_id] on redemptions: narrows the list, or is silently not applied.",
            "Omneo facts 8 and 9",
            "Stated for the global list, inferred for a profile's list.",
        ),
        Switch(
            "create_status",
            ("201", "200"),
            "The status of an answer that made something.",
            "Omneo facts 1.3",
            "Inferred from the framework; undocumented.",
        ),
        Switch(
            "numbers",
            ("json", "strings"),
            "Numbers in answers: JSON numbers, or strings as the reference's samples print them.",
            "Omneo facts 5 and 13.2",
            "Numbers in tests of the SDK, strings in samples.",
        ),
        Switch(
            "identity_search",
            ("profile_id", "id", "profile", "list"),
            "Where the answer of /identities/search carries the profile's id.",
            "Omneo facts 2.1 and 17",
            "Unknown; the shape is not documented.",
        ),
        Switch(
            "update_create",
            ("on", "off"),
            "Whether POST /transactions/update-create exists.",
            "Omneo facts 11 and 18.2",
            "Tested live by the SDK, absent from the guide.",
        ),
        Switch(
            "redemption_link",
            ("lenient", "strict"),
            "A transaction with another profile's redemption, or one already linked: is taken, or refused with 422.",
            "Omneo facts 16.32",
            "Unknown.",
        ),
    )
}


def faults(wanted: Mapping[str, object]) -> dict[str, str]:
    """Return what is wrong with the given names and values: one sentence for each."""
    said = {}
    for name, value in wanted.items():
        switch = SWITCHES.get(name)
        if switch is None:
            said[name] = f"There is no switch {name!r}; there are {', '.join(SWITCHES)}."
        elif value not in switch.values:
            said[name] = f"{name} is one of {', '.join(switch.values)}, not {value!r}."
    return said


def positions(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the value of every switch, from the stored settings or its default."""
    return {name: settings.get(PREFIX + name, switch.default) for name, switch in SWITCHES.items()}
