"""Answers that a fault replaces or corrupts."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from claimable_benefits.sandbox.state.fault_injector import Fault

_JSON = ("Content-Type", "application/json")
_PIECES = 20
_PAGE = (
    b"<!doctype html><html lang=en><title>Maintenance</title><h1>Under maintenance</h1>"
    b"<p>Please try again later.</p></html>\n"
)


@dataclass(frozen=True, slots=True)
class FaultyResponse:
    """An answer as the client gets it: a status line such as ``200 OK``, headers and a whole body."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def code(self) -> int:
        """Return the status as a number."""
        return int(self.status[:3])


def replacement(fault: Fault) -> FaultyResponse | None:
    """Return the answer that replaces the true one, or None when the fault replaces none."""
    if fault.kind == "html":
        return _answer(200, _PAGE, ("Content-Type", "text/html; charset=utf-8"))
    if fault.kind == "status":
        return _refusal(fault.code, "Server Error" if fault.code >= 500 else "The request was refused.")
    if fault.kind == "429":
        return _refusal(429, "Too Many Attempts.", ("Retry-After", str(fault.retry_after)))
    if fault.kind == "401":
        return _refusal(401, "Unauthenticated.")
    if fault.kind == "403":
        return _refusal(403, "Invalid scope(s) provided.")
    return None


def truncated(answer: FaultyResponse) -> FaultyResponse:
    """Return the first half of an answer."""
    return with_body(answer, answer.body[: len(answer.body) // 2])


def wrong_types(answer: FaultyResponse) -> FaultyResponse:
    """Return an answer in which every value has the wrong type."""
    document = load_json(answer)
    return answer if document is None else with_body(answer, dump_json(_with_wrong_types(document)))


def with_body(answer: FaultyResponse, body: bytes) -> FaultyResponse:
    """Return an answer with another body, and its length."""
    headers = [pair for pair in answer.headers if pair[0].lower() != "content-length"]
    return replace(answer, headers=[*headers, ("Content-Length", str(len(body)))], body=body)


def load_json(answer: FaultyResponse) -> dict[str, Any] | None:
    """Return an answer's JSON object, or None when it holds none."""
    try:
        document = json.loads(answer.body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def dump_json(document: Any) -> bytes:
    """Write JSON as the sandbox does."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def drip(body: bytes, seconds: float) -> Iterator[bytes]:
    """Yield a body in small pieces, spread over some seconds."""
    size = max(1, len(body) // _PIECES)
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    for number, piece in enumerate(pieces):
        if number:
            time.sleep(seconds / (len(pieces) - 1))
        yield piece


def _with_wrong_types(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _with_wrong_types(part) for name, part in value.items()}
    if isinstance(value, list):
        return {str(place): _with_wrong_types(part) for place, part in enumerate(value)}
    if isinstance(value, bool | str):
        return [value]
    return "none" if value is None else f"number {value}"


def _refusal(code: int, message: str, *headers: tuple[str, str]) -> FaultyResponse:
    return _answer(code, dump_json({"message": message}), _JSON, *headers)


def _answer(code: int, body: bytes, *headers: tuple[str, str]) -> FaultyResponse:
    try:
        phrase = HTTPStatus(code).phrase
    except ValueError:
        phrase = "Unknown"
    return FaultyResponse(f"{code} {phrase}", [*headers, ("Content-Length", str(len(body)))], body)
