"""What stands in a path and behind its question mark, as OpenAPI describes it (Omneo facts 1.4)."""

from __future__ import annotations

from collections.abc import Iterable

from claimable_benefits.sandbox.demo import people
from claimable_benefits.sandbox.openapi.described import DescribedAnswer
from claimable_benefits.sandbox.openapi.schemas import Schema

_COUNT: Schema = {"type": "integer", "minimum": 1, "maximum": 999_999_999}
_PAGING = {
    "page[size]": _COUNT,
    "page[number]": _COUNT,
    "page": _COUNT,
    "per_page": _COUNT,
    "limit": _COUNT,
    "offset": _COUNT | {"minimum": 0},
}
_OF_KIND: dict[str, Schema] = {
    "text": {"type": "string"},
    "among": {"type": "string"},
    "number": {"type": "number"},
    "flag": {"enum": ["1", "0", "true", "false"]},
    "exists": {"enum": ["1", "0", "true", "false"]},
    "time": {"type": "string", "pattern": r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$"},
}
_EXAMPLES = {
    "profile_id": people.profile_id("1001"),
    "handle": people.HANDLE,
    "identifier": "1001",
    "kind": "benefit",
    "type": "current",
}


def of(places: Iterable[str], known: DescribedAnswer) -> list[Schema]:
    """Return the parameters of a path with these places, whose view answers as `known`."""
    made = [_parameter(name, "path", _word(name), required=True) for name in places]
    made += [_parameter(name, "query", _word(name), required=name not in ("tags[]", "type")) for name in known.query]
    if known.source is not None:
        made += [_parameter(name, "query", schema) for name, schema in _PAGING.items()]
        sortable = [name for name, (_, kind) in known.source.columns.items() if kind not in ("exists", "among")]
        made.append(_parameter("sort", "query", {"enum": [sign + name for name in sortable for sign in ("", "-")]}))
        for name, (_, kind) in known.source.columns.items():
            made.append(_parameter(f"filter[{name.replace('.', '][')}]", "query", _OF_KIND[kind]))
    return made


def _word(name: str) -> Schema:
    if name.endswith("[]"):
        return {"type": "array", "items": {"type": "string"}}
    return {"type": "string", "minLength": 1, "examples": [_EXAMPLES.get(name, "1")]}


def _parameter(name: str, place: str, schema: Schema, *, required: bool = False) -> Schema:
    return {"name": name, "in": place, "required": required, "schema": schema}
