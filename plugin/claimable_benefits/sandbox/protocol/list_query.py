"""Lists: filters with operators, sorting and pages, from a query string to SQL (Omneo facts 1.4 and 13.9)."""

from __future__ import annotations

import math
import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from claimable_benefits.sandbox.protocol.error_responses import invalid_fields
from claimable_benefits.sandbox.protocol.responses import Body, format_numbers, respond
from claimable_benefits.sandbox.state.request_state import RequestState
from claimable_benefits.sandbox.state.times import parse_wall

_PAGE_SIZE, _LARGEST_PAGE = 15, 100
_FURTHEST = 10**9
_SIGNS = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_OPERATORS = (*_SIGNS, "in", "nullable")
_KEY = re.compile(r"filter((?:\[[^\]]*\])+)")
_TRUE, _FALSE = ("1", "true"), ("0", "false")


@dataclass
class Filter:
    """Conditions joined by AND, with their values."""

    conditions: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def add(self, condition: str, *values: object) -> None:
        """Narrow the list."""
        self.conditions.append(condition)
        self.values.extend(values)

    @property
    def sql(self) -> str:
        """Return the WHERE clause, empty when nothing narrows the list."""
        return f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""


@dataclass(frozen=True)
class ListSource:
    """Where a list comes from: its tables, its rows, and the columns a client may filter and sort by.

    A column is an SQL expression by its name on the wire; its kind is ``text``, ``number``, ``flag``,
    ``time``, ``exists`` (an SQL condition that is asked for as true or false) or ``among`` (a query for the
    values of which one must be the filter's). Filters that are `ignored` or unknown are taken and not applied.
    """

    table: str
    rows: str
    columns: Mapping[str, tuple[str, str]]
    ignored: frozenset[str] = frozenset()


def paginate(
    state: RequestState, source: ListSource, where: Filter, element: Callable[[list[sqlite3.Row]], list[Any]]
) -> Response:
    """Return one page of a list, narrowed by `where` and by what the query string asks for."""
    _narrow(source, where, state.switches["filter_operators"])
    size, start, number = _position()
    total = state.db.execute(f"SELECT count(*) FROM {source.table}{where.sql}", where.values).fetchone()[0]  # noqa: S608 - ours
    rows = state.db.execute(
        f"SELECT {source.rows} FROM {source.table}{where.sql} ORDER BY {_order(source)} LIMIT ? OFFSET ?",  # noqa: S608 - ours
        [*where.values, size, start],
    ).fetchall()
    elements = [format_numbers(part) for part in element(rows)]
    return respond({"data": elements, **_page_links(total, size, start, number, len(rows))})


def _narrow(source: ListSource, where: Filter, operators: str) -> None:
    for key, values in request.args.lists():
        found = _KEY.fullmatch(key)
        if found is not None:
            _apply(source, where, key, found[1][1:-1].split("]["), values, operators)


def _apply(source: ListSource, where: Filter, key: str, path: list[str], values: list[str], operators: str) -> None:
    """Narrow the list by one filter; ``operators`` is the value of the switch ``filter_operators``."""
    path = path[:-1] if path[-1] == "" else path
    asked = path.pop() if len(path) > 1 and path[-1] in _OPERATORS else "eq"
    operator = "eq" if operators == "whole" else asked
    name = ".".join(path)
    if name in source.ignored or name not in source.columns or (operators == "ignored" and asked != "eq"):
        return  # as Omneo's framework does: it ignores an unknown filter
    expression, kind = source.columns[name]
    if kind == "among":
        texts = [part for value in values for part in (value.split(",") if operator == "in" else [value])][:100]
        each = " OR ".join([f"? IN ({expression})"] * len(texts))
        where.add(f"NOT ({each})" if operator == "ne" else f"({each})", *texts)
    elif kind == "exists":
        where.add(expression if _value(key, values[-1], "boolean") else f"NOT ({expression})")
    elif operator == "nullable":
        where.add(f"{expression} IS {'' if _value(key, values[-1], 'boolean') else 'NOT '}NULL")
    elif operator == "in":
        wanted = [_value(key, part, kind) for value in values for part in value.split(",")]
        where.add(f"{expression} IN ({', '.join('?' * len(wanted[:500]))})", *wanted[:500])
    else:
        where.add(f"{expression} {_SIGNS[operator]} ?", _value(key, values[-1], kind))


def _value(key: str, text: str, kind: str) -> object:
    """Return a filter's value as the column's kind has it, or raise 422 naming the filter."""
    try:
        if kind == "number":
            number = float(text)
            return number if math.isfinite(number) else _reject(text)
        if kind == "boolean":
            return 1 if text.lower() in _TRUE else 0 if text.lower() in _FALSE else _reject(text)
        if kind == "time":
            return parse_wall(text).isoformat(sep=" ")
    except ValueError:
        raise invalid_fields({key: [f"{text!r} is not a {kind}."]}) from None
    return text


def _reject(text: str) -> object:
    raise ValueError(text)


def _order(source: ListSource) -> str:
    parts = []
    for name in filter(None, request.args.get("sort", "").split(",")):
        bare = name.removeprefix("-")
        if bare not in source.columns or source.columns[bare][1] in ("exists", "among"):
            continue
        parts.append(f"{source.columns[bare][0]} {'DESC' if name.startswith('-') else 'ASC'}")
    return ", ".join([*parts[:5], source.columns["id"][0]])


def _position() -> tuple[int, int, int]:
    """Return the page's size, its first place and its number, from either way of asking."""
    size = min(_count("page[size]", _count("per_page", _count("limit", _PAGE_SIZE))), _LARGEST_PAGE)
    number = _count("page[number]", _count("page", 1))
    start = (number - 1) * size
    if "offset" in request.args:
        start = _count("offset", 0, least=0)
        number = start // size + 1
    return size, start, number


def _count(name: str, default: int, least: int = 1) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
        raise invalid_fields({name: [f"{name} must be a whole number of at least {least}."]})
    return min(int(text), _FURTHEST)


def _page_links(total: int, size: int, start: int, number: int, shown: int) -> Body:
    last = max(1, math.ceil(total / size))
    urls = {place: _url(place) for place in {1, last, number - 1, number, number + 1} if 1 <= place <= last}
    before, after = urls.get(number - 1), urls.get(number + 1)
    numbered = [{"url": urls[place], "label": str(place), "active": place == number} for place in sorted(urls)]
    return {
        "links": {"first": urls[1], "last": urls[last], "prev": before, "next": after},
        "meta": {
            "current_page": number,
            "from": start + 1 if shown else None,
            "last_page": last,
            "links": [
                {"url": before, "label": "Previous", "active": False},
                *numbered,
                {"url": after, "label": "Next", "active": False},
            ],
            "path": request.base_url,
            "per_page": size,
            "to": start + shown if shown else None,
            "total": total,
        },
    }


def _url(number: int) -> str:
    parameters = [
        (name, value)
        for name, value in request.args.items(multi=True)
        if name not in ("page[number]", "page", "offset")
    ]
    return f"{request.base_url}?{urlencode([*parameters, ('page[number]', str(number))])}"
