"""Faults to inject: which kind, into which requests, and how often.

The faults belong to one process. They are set at ``/_sandbox/faults`` or from Python, and never touch the sandbox's
own paths, such as ``/_sandbox``.
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
    "drop_then_apply": "Close the connection, and apply the request `seconds` later, by the `clock` real or sandbox.",
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
    """One fault: `path` is a pattern (``*`` is any text, slashes included), `method` a method or ``*``.

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

    def matches(self, method: str, path: str) -> bool:
        """Return whether a request is one of those it is for, and it has not acted as often as it may."""
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
        self._lock = threading.Lock()
        self._random = random.Random(0)  # noqa: S311 - chance that can be repeated
        self.seed_value = 0

    def add(self, kind: str, **fields: Any) -> Fault:
        """Set a fault; the fields are those of `Fault`.

        :raises ValueError: when a kind or field does not exist or has a value that it cannot have
        """
        wrong = field_errors({"kind": kind, **fields})
        if wrong:
            raise ValueError(" ".join(wrong.values()))
        return self.add_validated({"kind": kind, **fields})

    def add_validated(self, fields: Mapping[str, Any]) -> Fault:
        """Set a fault whose fields `mistakes` has passed."""
        fault = Fault(**{name: value for name, value in fields.items() if value is not None})
        fault.method = "*" if fault.method.lower() in ("*", "any") else fault.method.upper()
        with self._lock:
            fault.id = next(self._ids)
            self._faults = [*self._faults, fault]
        return fault

    def seed(self, number: int) -> None:
        """Seed chance: the same requests in the same order get the same faults."""
        with self._lock:
            self.seed_value = number
            self._random.seed(number)

    def clear(self, fault_id: int | None = None) -> bool:
        """Remove one fault, or all; return whether there was one."""
        with self._lock:
            left = [] if fault_id is None else [fault for fault in self._faults if fault.id != fault_id]
            found, self._faults = len(left) < len(self._faults), left
        return found

    @property
    def faults(self) -> list[Fault]:
        """Return the faults that are set, including those that have acted as often as they may."""
        return list(self._faults)

    def match(self, method: str, path: str) -> list[Fault]:
        """Return the faults of a request: every delay that matches, and the first other fault that does."""
        if not self._faults:
            return []
        chosen: list[Fault] = []
        with self._lock:
            decided = False
            for fault in self._faults:
                if (decided and fault.kind not in DELAYS) or not fault.matches(method, path):
                    continue
                if fault.probability < 1 and self._random.random() >= fault.probability:
                    continue
                fault.fired += 1
                decided = decided or fault.kind not in DELAYS
                chosen.append(fault)
        return chosen

    def coin_flip(self) -> bool:
        """Return heads or tails, from the same seeded chance."""
        with self._lock:
            return self._random.random() < 0.5


def fault_to_json(fault: Fault) -> dict[str, Any]:
    """Return a fault as JSON shows it."""
    return asdict(fault)


def field_errors(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with the fields of a fault: a sentence by field."""
    wrong: dict[str, str] = {}
    if fields.get("kind") not in tuple(KINDS):
        wrong["kind"] = f"kind is one of {', '.join(KINDS)}, not {fields.get('kind')!r}."
    for name, value in fields.items():
        message = "" if name == "kind" or value is None else _field_error(name, value)
        if message:
            wrong[name] = message
    return wrong


def _field_error(name: str, value: Any) -> str:
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
