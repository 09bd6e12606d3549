"""Read single keys of an app's configuration; every error names the key and the remedy."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from claimable_benefits.errors import SettingsError
from claimable_benefits.settings.table import TABLE

_HIDDEN = frozenset({"OMNEO_TOKEN", "OMNEO_WEBHOOK_SECRET", "OMNEO_PROXY", "BENEFITS_CACHE_URL"})
_MOST = 1_000_000  # minutes, nearly two years; with far more, dates would overflow
_ENDPOINT = re.compile(r"[A-Za-z_][\w-]*(\.[A-Za-z_][\w-]*)*")
_QUOTES = (('"', '"'), ("'", "'"), ("\N{LEFT DOUBLE QUOTATION MARK}", "\N{RIGHT DOUBLE QUOTATION MARK}"))


def is_endpoint(text: str) -> bool:
    """Whether ``text`` is the name of an endpoint, and no path or address."""
    return bool(_ENDPOINT.fullmatch(text))


def is_web_address(text: str) -> bool:
    """Whether ``text`` is a whole address of a web page."""
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"\s", text)
    except ValueError:
        return False


def check_quotes(key: str, text: str) -> None:
    """Refuse a text that stands in quotes: some readers of env files make them a part of the value."""
    if any(len(text) > 1 and text.startswith(first) and text.endswith(last) for first, last in _QUOTES):
        raise SettingsError(key, "stands in quotes, which are a part of it.", "Write it without the quotes.")


class SettingsReader:
    """Reads one configuration. Raises `SettingsError` where it has an unknown key with our prefix."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._table = {setting.key: setting for setting in TABLE}
        for key in config:
            if key.startswith(("OMNEO_", "BENEFITS_")) and key not in self._table:
                raise SettingsError(key, "is not a known setting.", f"Known: {', '.join(self._table)}.")

    def text(self, key: str) -> str:
        value = self._config.get(key, self._table[key].default)
        if value is None:
            return ""
        if isinstance(value, Path | int) and not isinstance(value, bool):
            return str(value)  # from_prefixed_env() reads an all-digit text as a number
        if not isinstance(value, str):
            shown = "Its value" if key in _HIDDEN else repr(value)  # a token is never quoted
            raise SettingsError(key, f"{shown} is no text.", "Write it in quotes.")
        text = value.strip()
        check_quotes(key, text)
        return text

    def required_text(self, key: str) -> str:
        if text := self.text(key):
            return text
        raise SettingsError(key, "is empty.", f"Leave it out for the default, {self._table[key].default!r}, or set it.")

    def one_of(self, key: str, *choices: str) -> str:
        if (value := self.text(key)) in choices:
            return value
        raise SettingsError(key, f"{value!r} is not known.", f"Use one of {', '.join(choices)}.")

    def count(self, key: str, least: int = 1) -> int:
        value = self._config.get(key, self._table[key].default)
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError):
            number = -1
        is_whole = not isinstance(value, bool) and (not isinstance(value, float) or value == number)
        if not is_whole or not least <= number <= _MOST:
            problem = f"{value!r} is no whole number from {least} to {_MOST}."
            raise SettingsError(key, problem, f"Write a number such as {max(least, 30)}.")
        return number

    def page(self, key: str) -> str:
        """Read where a page of the shop is: the name of an endpoint, a path, or a whole address."""
        value = self.required_text(key)
        is_path = value.startswith("/") and not value.startswith("//")
        if not (is_path or is_endpoint(value) or is_web_address(value)):
            problem = f"{value!r} is no page of this shop."
            remedy = "Write a path that begins with one slash, an endpoint such as shop.login, or https://…"
            raise SettingsError(key, problem, remedy)
        return value

    def order_page(self, key: str) -> str:
        """As `page`: a path or an address has a place for the number. Empty where nothing is set."""
        if not self.text(key):
            return ""
        value = self.page(key)
        if "{order_number}" not in value and not is_endpoint(value):
            raise SettingsError(key, f"{value!r} has no place for the number.", "Write /orders/{order_number}.")
        return value

    def checked(self, key: str, check: Callable[[str], object], problem: str, remedy: str) -> str:
        value = self.required_text(key)
        try:
            check(value)
        except (ValueError, LookupError, OSError):
            raise SettingsError(key, f"{value!r} {problem}", remedy) from None
        return value
