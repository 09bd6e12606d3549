"""The fault dial: what goes wrong, with which requests, and how often.

A dial belongs to one process; it is turned at ``/_sandbox/faults`` or from Python, and never touches what the sandbox
has for itself, such as ``/_sandbox``.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

KINDS = {
    "latency": "Wait `seconds` before the request is applied.",
    "drip": "Send the answer's body bit by bit over `seconds`.",
    "refuse": "Reset the connection as soon as the route is known: the body is not read and nothing is applied.",
    "drop": "Read the whole request, then close the connection without applying it.",
    "apply_then_drop": "Apply the request, then close the connection without an answer.",
    "zombie": "Close the connection now, and apply the request `seconds` later, by the `clock` real or sandbox.",
    "status": "Answer with `code` (500), `when` before or after the request is applied.",
    "429": "Answer 429 with Retry-After: `retry_after` seconds; nothing is applied unless `when` is after.",
    "401": "Answer 401 as for a revoked token.",
    "403": "Answer 403 as for a missing scope.",
    "html": "Answer 200 with a page of HTML instead of JSON; the request is applied unless `when` is before.",
    "truncated": "Apply the request and cut its JSON in half; the length that is announced is that of the half.",
    "wrong_types": "Apply the request and answer numbers as words, flags and texts as lists, lists as objects.",
    "paging": "Change the list while it is paged: from page two on, one element comes twice or is skipped (`change`).",
}
DELAYS = frozenset(("latency", "drip"))
_AFTER = frozenset(("html", "truncated", "wrong_types", "paging", "apply_then_drop"))
_CHOICES = {
    "when": ("before", "after"),
    "clock": ("real", "sandbox"),
    "change": ("grown", "shrunk", "either"),
    "code": tuple(range(400, 600)),
}
_LONGEST = 600.0


@dataclass
class Fault:
    """One setting of the dial: `path` is a pattern (``*`` is any text, slashes included), `method` a method or ``*``.

    It acts with `probability`, and no more than `times` times (None: for ever); `fired` counts how often it did.
    """

    kind: str
    path: str = "*"
    method: str = "*"
    probability: float = 1.0
    times: int | None = None
    seconds: float = 0.5
    code: int = 500
    when: str = ""
    retry_after: int = 1
    clock: str = "real"
    change: str = "either"
    id: int = 0
    fired: int = 0

    def __post_init__(self) -> None:
        """Fill in when a request is applied, as it is usual for the kind."""
        self.when = self.when or ("after" if self.kind in _AFTER else "before")

    def fits(self, method: str, path: str) -> bool:
        """Say whether a request is one of those it is for, and it has not acted as often as it may."""
        return (
            (self.times is None or self.fired < self.times)
            and self.method in ("*", method)
            and fnmatchcase(path, self.path)
        )


class FaultInjector:
    """The faults that are set, in the order in which they were."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._ids = itertools.count(1)
        self._guard = threading.Lock()
        self._random = random.Random(0)  # noqa: S311 - chance that can be repeated
        self.seed_value = 0

    def add(self, kind: str, **fields: Any) -> Fault:
        """Set a fault; the fields are those of `Fault`.

        :raises ValueError: when a kind or field does not exist or has a value that it cannot have
        """
        wrong = mistakes({"kind": kind, **fields})
        if wrong:
            raise ValueError(" ".join(wrong.values()))
        return self.put({"kind": kind, **fields})

    def put(self, fields: Mapping[str, Any]) -> Fault:
        """Set a fault whose fields `mistakes` has passed."""
        fault = Fault(**{name: value for name, value in fields.items() if value is not None})
        fault.method = "*" if fault.method.lower() in ("*", "any") else fault.method.upper()
        with self._guard:
            fault.id = next(self._ids)
            self._faults = [*self._faults, fault]
        return fault

    def seed(self, number: int) -> None:
        """Start chance anew: the same requests in the same order meet the same faults."""
        with self._guard:
            self.seed_value = number
            self._random.seed(number)

    def clear(self, fault_id: int | None = None) -> bool:
        """Take one fault off, or all; say whether there was any such."""
        with self._guard:
            left = [] if fault_id is None else [fault for fault in self._faults if fault.id != fault_id]
            found, self._faults = len(left) < len(self._faults), left
        return found

    @property
    def faults(self) -> list[Fault]:
        """Return the faults that are set, also those that have acted as often as they may."""
        return list(self._faults)

    def match(self, method: str, path: str) -> list[Fault]:
        """Return what happens to a request: every delay that fits, and the first other fault that does."""
        if not self._faults:
            return []
        chosen: list[Fault] = []
        with self._guard:
            decided = False
            for fault in self._faults:
                if (decided and fault.kind not in DELAYS) or not fault.fits(method, path):
                    continue
                if fault.probability < 1 and self._random.random() >= fault.probability:
                    continue
                fault.fired += 1
                decided = decided or fault.kind not in DELAYS
                chosen.append(fault)
        return chosen

    def coin_flip(self) -> bool:
        """Return heads or tails, from the same seeded chance."""
        with self._guard:
            return self._random.random() < 0.5


def described(fault: Fault) -> dict[str, Any]:
    """Return a fault as JSON shows it."""
    return asdict(fault)


def mistakes(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with a fault that somebody asks for: a sentence by field."""
    wrong: dict[str, str] = {}
    if fields.get("kind") not in tuple(KINDS):
        wrong["kind"] = f"kind is one of {', '.join(KINDS)}, not {fields.get('kind')!r}."
    for name, value in fields.items():
        said = "" if name == "kind" or value is None else _mistake(name, value)
        if said:
            wrong[name] = said
    return wrong


def _mistake(name: str, value: Any) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if name in ("path", "method"):
        return "" if isinstance(value, str) and 0 < len(value) <= 500 else f"{name} is a text, not {value!r}."
    if name in _CHOICES:
        fits = not isinstance(value, bool | list | dict) and value in _CHOICES[name]
        shown = "a status from 400 to 599" if name == "code" else f"one of {', '.join(map(str, _CHOICES[name]))}"
        return "" if fits else f"{name} is {shown}, not {value!r}."
    if name == "probability":
        return "" if number and 0 <= value <= 1 else f"probability is a number from 0 to 1, not {value!r}."
    if name == "seconds":
        return "" if number and 0 <= value <= _LONGEST else f"seconds is a number from 0 to 600, not {value!r}."
    if name in ("times", "retry_after"):
        fits = number and isinstance(value, int) and 0 <= value <= 10**6
        return "" if fits else f"{name} is a whole number of at least 0, not {value!r}."
    return f"A fault has no field {name!r}."
