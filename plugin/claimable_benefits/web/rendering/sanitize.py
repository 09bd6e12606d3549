"""Make texts from Omneo safe to show: HTML with a few harmless tags, or plain text."""

from __future__ import annotations

import html
import re
from itertools import islice
from urllib.parse import urlsplit

from markupsafe import Markup

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.domain.storable import LONGEST_TEXT

# A description has some hundred tags. Cleaning costs the square of their depth: 50,000 characters of nested lists
# took 1.4 s of processor time, and 1,000 of their tags take 9 ms.
_MOST_TAGS = 1_000
_A_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_TAGS = {"p", "br", "ul", "ol", "li", "strong", "b", "em", "i", "a"}
_DROPPED_WITH_CONTENT = {"script", "style", "template", "iframe", "object", "noscript", "svg", "math", "title"}
_BLOCKS = re.compile(r"(?=</?(?:p|br|div|li|ul|ol|h[1-6]|tr|td|table)\b)", re.IGNORECASE)
# Control characters, and those that change the direction of the text around them.
_INVISIBLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

# Without a tag, an entity or anything invisible there is nothing to clean.
_ORDINARY = re.compile(r"[^<>&\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*")

# Cleaning costs more than rendering, and many shoppers have the same few benefits, so each text is cleaned once.
_safe_texts: LruCache[Markup] = LruCache(entries=4000, weight=6_000_000)
_plain_texts: LruCache[str] = LruCache(entries=4000, weight=2_000_000)


def safe_html(text: str | None) -> Markup:
    """Keep paragraphs, lists, emphasis and https links; drop everything else."""
    if not text:
        return Markup()
    if (known := _safe_texts.get(text)) is None:
        known = _safe_html(text)
        _safe_texts.put(text, known, 2 * (len(text) + len(known)))
    return known


def plain(text: str | None) -> str:
    """Keep the text alone, on one line; it is escaped later like any other text."""
    if not text:
        return ""
    if len(text) <= LONGEST_TEXT and _ORDINARY.fullmatch(text):
        return " ".join(text.split())
    if (known := _plain_texts.get(text)) is None:
        known = _plain(text)
        _plain_texts.put(text, known, 2 * (len(text) + len(known)))
    return known


def _safe_html(text: str) -> Markup:
    import nh3

    cleaned = nh3.clean(
        _readable(text),
        tags=_TAGS,
        clean_content_tags=_DROPPED_WITH_CONTENT,
        attributes={"a": {"href"}},
        url_schemes={"https"},
        url_relative="deny",
        link_rel="nofollow noopener",
    )
    return Markup(cleaned.strip()) if plain(cleaned) else Markup()  # noqa: S704 - nh3 made it safe just above


def _plain(text: str) -> str:
    import nh3

    stripped = nh3.clean(_BLOCKS.sub(" ", _readable(text)), tags=set(), clean_content_tags=_DROPPED_WITH_CONTENT)
    return " ".join(_INVISIBLE.sub("", html.unescape(stripped)).split())


def name_of(text: str | None, otherwise: str) -> str:
    """Return a name as plain text; ``otherwise`` where nothing is left of it."""
    return plain(text) or plain(otherwise) or "Benefit"


def https_url(text: str | None) -> str | None:
    """Return the address if it is an https one, else None."""
    if not text or not text.startswith("https://") or _INVISIBLE.search(text):
        return None
    try:
        return text if urlsplit(text).hostname else None
    except ValueError:
        return None


def _readable(text: str) -> str:
    shown = _INVISIBLE.sub("", text[:LONGEST_TEXT])
    excess = next(islice(_A_TAG.finditer(shown), _MOST_TAGS, None), None)
    return shown if excess is None else shown[: excess.start()] + "…"
