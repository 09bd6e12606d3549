"""What every database, page and JSON reader can take of a text that others wrote."""

from __future__ import annotations

import re

# The ledger's columns of ids, Omneo's and the shop's, have this length.
LONGEST_ID = 255
# No page shows more of a text, and no row stores more. A description of 10,000 characters is ordinary.
LONGEST_TEXT = 20_000

# PostgreSQL refuses NUL, and no encoding has half a surrogate pair. The other control characters are never meant.
_UNUSABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_NOT_IN_AN_ID = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_HALF_A_PAIR = "\ufffd"


def is_storable_id(value: str) -> bool:
    """Whether ``value`` can be an id: not empty, at most `LONGEST_ID` characters, and no control character in it."""
    return 0 < len(value) <= LONGEST_ID and not _NOT_IN_AN_ID.search(value)


def repaired(text: str, longest: int = LONGEST_TEXT) -> str:
    """Return ``text`` without control characters, half a surrogate pair replaced, cut to ``longest`` characters.

    Tabs and line ends stay.
    """
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    return _UNUSABLE.sub(_replacement, text) if _UNUSABLE.search(text) else text


def _replacement(found: re.Match[str]) -> str:
    return _HALF_A_PAIR if "\ud800" <= found.group() <= "\udfff" else ""
