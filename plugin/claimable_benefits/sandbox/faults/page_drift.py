"""A list that changes while a client pages through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from claimable_benefits.sandbox.faults.corruption import FaultyResponse, dump_json, load_json, with_body

Fetch = Callable[[str], FaultyResponse]


def drift(answer: FaultyResponse, query: str, fetch: Fetch, *, grown: bool) -> FaultyResponse:
    """Return a page from the second on as it is after the list changed in front of it; other answers as they are.

    :param fetch: answers the same list with another query string
    :param grown: one came, so that the last element of the page before comes again; else one went, and one is skipped
    """
    document = load_json(answer)
    meta = document.get("meta") if document else None
    if document is None or not isinstance(meta, dict) or meta.get("current_page", 1) < 2:
        return answer
    rows: list[Any] = document["data"]
    if grown:
        before = _fetch_page(query, meta["current_page"] - 1, fetch)
        document["data"] = [*before[-1:], *rows][: meta["per_page"]]
    else:
        document["data"] = [*rows[1:], *_fetch_page(query, meta["current_page"] + 1, fetch)[:1]]
    meta["total"] += 1 if grown else -1
    return with_body(answer, dump_json(document))


def _fetch_page(query: str, number: int, fetch: Fetch) -> list[Any]:
    parameters = [
        pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in ("page", "page[number]", "offset")
    ]
    document = load_json(fetch(urlencode([*parameters, ("page[number]", str(number))])))
    rows = document.get("data") if document else None
    return rows if isinstance(rows, list) else []
