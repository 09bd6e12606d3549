"""Read what the sandbox holds and which calls it has answered."""

from __future__ import annotations

from typing import Any

import requests


def read_state(url: str) -> dict[str, Any]:
    """Return everything that the sandbox holds."""
    return _json(requests.get(f"{url}/_sandbox/state", timeout=120))


def read_calls(url: str, path: str) -> list[dict[str, Any]]:
    """Return the calls that one process has answered, by a pattern of the path."""
    found: list[dict[str, Any]] = _json(requests.get(f"{url}/_sandbox/calls", {"path": path}, timeout=60))["calls"]
    return found


def _json(answer: requests.Response) -> dict[str, Any]:
    answer.raise_for_status()
    body: dict[str, Any] = answer.json()
    return body
