"""Read a request's body: check the type of every field, and name every error (Omneo facts 1.8)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from flask import request

from claimable_benefits.sandbox.protocol.error_responses import bad_request, invalid_fields
from claimable_benefits.sandbox.state.times import is_zone, parse_wall, stamp, to_utc

_KEY = "omneo.body"
_DEPTH = 64  # a deeper body could be stored, but not be serialised later
_LARGEST = 1e12
_ROW_IDS = range(1, 2**53)
_INTEGER = re.compile(r"[+-]?\d{1,15}", re.ASCII)
_HANDLE = re.compile(r"[A-Za-z0-9_-]{1,255}")


def body() -> dict[str, Any]:
    """Return the request's JSON object, read once; an empty body is an empty one."""
    if _KEY not in request.environ:
        request.environ[_KEY] = _read()
    read: dict[str, Any] = request.environ[_KEY]
    return read


def _read() -> dict[str, Any]:
    raw = request.get_data()
    if not raw.strip():
        return {}
    try:
        read = json.loads(raw)
        _check(read)
        read_back = json.dumps(read, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise bad_request("The body is not JSON that can be read.") from None
    if not isinstance(read, dict):
        raise bad_request("The body is JSON, but not an object.")
    assert read_back  # noqa: S101 - encoding it is the check for lone surrogates
    return read


def row_id(text: str) -> int:
    """Return the number in a path, or 0, which no row has."""
    if _INTEGER.fullmatch(text) and int(text) in _ROW_IDS:
        return int(text)
    return 0


class RequestForm:
    """A body whose fields are read one by one; `check` then raises one 422 with everything that was wrong."""

    def __init__(self, fields: dict[str, Any], prefix: str = "") -> None:
        self.fields = fields
        self.errors: dict[str, list[str]] = {}
        self._prefix = prefix

    def has(self, name: str) -> bool:
        """Return whether the field was sent at all, be it as null."""
        return name in self.fields

    def add_error(self, name: str, message: str) -> None:
        """Add an error to a field."""
        self.errors.setdefault(self._prefix + name, []).append(message)

    def check(self) -> None:
        """Raise 422 if anything was wrong."""
        if self.errors:
            raise invalid_fields(self.errors)

    def text(self, name: str, *, required: bool = False, limit: int = 255) -> str | None:
        """Return a string of at most `limit` characters."""
        value = self._sent(name, required)
        if value is None:
            return None
        if not isinstance(value, str) or len(value) > limit:
            self.add_error(name, f"{name} must be a string of at most {limit} characters.")
            return None
        return value

    def long_text(self, name: str) -> str | None:
        """Return a long string."""
        return self.text(name, limit=65535)

    def handle(self, name: str, *, required: bool = False) -> str | None:
        """Return a key made of letters, digits, dashes and underscores."""
        value = self.text(name, required=required)
        if value is not None and not _HANDLE.fullmatch(value):
            self.add_error(name, f"{name} may hold letters, digits, dashes and underscores only.")
        return value

    def integer(self, name: str, *, required: bool = False, least: int = -(10**9), most: int = 10**15) -> int | None:
        """Return an integer, also when it was sent as a string of digits."""
        value = self._sent(name, required)
        if value is None:
            return None
        if isinstance(value, str) and _INTEGER.fullmatch(value):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            self.add_error(name, f"{name} must be a whole number from {least} to {most}.")
            return None
        return value

    def number(self, name: str, *, required: bool = False) -> float | int | None:
        """Return a number of a size that money can have."""
        value = self._sent(name, required)
        if isinstance(value, str):
            value = _as_number(value)
        if value is None and self.fields.get(name) is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
            self.add_error(name, f"{name} must be a number.")
            return None
        return value

    def boolean(self, name: str, *, required: bool = False) -> bool | None:
        """Return a boolean, also when it was sent as 0, 1, "0" or "1"."""
        value = self._sent(name, required)
        if value is None:
            return None
        if value not in (True, False, "0", "1") or isinstance(value, float):
            self.add_error(name, f"{name} must be true or false.")
            return None
        return value in (True, "1")

    def zone(self, name: str = "timezone", *, required: bool = False) -> str | None:
        """Return an IANA time zone."""
        value = self.text(name, required=required)
        if value is not None and not is_zone(value):
            self.add_error(name, f"{name} must be an IANA time zone, such as Australia/Melbourne.")
            return None
        return value

    def moment(self, name: str, zone: str | None, *, required: bool = False) -> str | None:
        """Return the UTC stamp of a wall clock in `zone`, sent as ``YYYY-MM-DD HH:MM:SS`` or as a date."""
        value = self.text(name, required=required)
        if value is None:
            return None
        try:
            return stamp(to_utc(parse_wall(value), zone or "UTC"))
        except ValueError:
            self.add_error(name, f"{name} must be written YYYY-MM-DD HH:MM:SS.")
            return None

    def choice(self, name: str, values: Sequence[str]) -> str | None:
        """Return one of the given words."""
        value = self.text(name)
        if value is not None and value not in values:
            self.add_error(name, f"{name} must be one of {', '.join(values)}.")
            return None
        return value

    def strings(self, name: str) -> list[str] | None:
        """Return a list of strings."""
        value = self._sent(name, required=False)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            self.add_error(name, f"{name} must be a list of strings.")
            return None
        return value

    def objects(self, name: str) -> list[RequestForm]:
        """Return a list of objects as forms that add their errors here, by ``name.0.field``."""
        value = self._sent(name, required=False)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
            self.add_error(name, f"{name} must be a list of objects.")
            return []
        inner = [RequestForm(part, f"{self._prefix}{name}.{place}.") for place, part in enumerate(value)]
        for form in inner:
            form.errors = self.errors
        return inner

    def mapping(self, name: str) -> dict[str, Any] | list[Any] | None:
        """Return free JSON: an object or a list."""
        value = self._sent(name, required=False)
        if value is not None and not isinstance(value, dict | list):
            self.add_error(name, f"{name} must be an object or a list.")
            return None
        return value

    def raw(self, name: str) -> Any:
        """Return whatever was sent."""
        return self.fields.get(name)

    def _sent(self, name: str, required: bool) -> Any:
        value = self.fields.get(name)
        if required and value in (None, ""):
            self.add_error(name, f"{name} is required.")
            return None
        return value


def read_kind(form: RequestForm, name: str, kind: str) -> Any:
    """Return a field read by the name of its kind, as the tables of fields give it."""
    readers: dict[str, Callable[[str], Any]] = {
        "text": form.text,
        "long_text": form.long_text,
        "number": form.number,
        "boolean": form.boolean,
        "strings": form.strings,
        "json": form.mapping,
        "any": form.raw,
    }
    return form.integer(name) if kind == "integer" else readers[kind](name)


def _as_number(text: str) -> float | int | str:
    try:
        value = float(text)
    except ValueError:
        return text
    if not math.isfinite(value):
        return text
    return int(value) if value.is_integer() and "." not in text else value


def _check(value: Any, depth: int = 0) -> None:
    """Refuse what could be read but not written again: too deep, or a number too large for JSON readers."""
    if depth > _DEPTH:
        raise ValueError("deep")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("infinite")
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            _check(part, depth + 1)
