"""The faults that the console offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_USES = "*/profiles/*/rede*"  # both dialects' ways to use a benefit; reversals are not below a profile
_CLAIMS = "*/profiles/*/benefits/*claim"
_ORDERS = "*/transactions*"


@dataclass(frozen=True)
class Preset:
    """A fault that the console offers: its label, and the fault that it sets."""

    label: str
    fault: Mapping[str, Any]


def _next(kind: str, path: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "method": "POST", "path": path, "times": 1, **more}


PRESETS: dict[str, Preset] = {
    "slow": Preset("Answers take 5 seconds", {"kind": "latency", "seconds": 5}),
    "lost-answer": Preset("The next redemption is applied but its answer is lost", _next("apply_then_drop", _USES)),
    "lost-request": Preset("The next redemption never arrives", _next("drop", _USES)),
    "late-redemption": Preset(
        "The next redemption is applied 15 seconds after the shop gave up", _next("drop_then_apply", _USES, seconds=15)
    ),
    "lost-claim": Preset("The next claim is applied but its answer is lost", _next("apply_then_drop", _CLAIMS)),
    "lost-order": Preset("The next order is recorded but its answer is lost", _next("apply_then_drop", _ORDERS)),
    "server-errors": Preset(
        "Every other answer is a server error", {"kind": "status", "code": 503, "probability": 0.5}
    ),
    "rate-limited": Preset("Too many requests: retry after 30 seconds", {"kind": "429", "retry_after": 30}),
    "revoked": Preset("The token is no longer valid", {"kind": "401"}),
    "html": Preset("Answers are a web page instead of JSON", {"kind": "html", "when": "before"}),
    "refused": Preset("Everything is refused", {"kind": "refuse"}),
}


def describe_fault(fault: Mapping[str, Any]) -> str:
    """Return the label of the preset that sets a fault, or the fault's kind and path."""
    for preset in PRESETS.values():
        if all(fault.get(name) == value for name, value in preset.fault.items()):
            return preset.label
    return f"{fault['kind']} on {fault['method']} {fault['path']}"
