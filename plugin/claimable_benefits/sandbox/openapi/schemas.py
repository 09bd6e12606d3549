"""The words of which the description of answers is made."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Schema = dict[str, Any]

WHOLE: Schema = {"type": "integer"}
WHOLE_OR_NULL: Schema = {"type": ["integer", "null"]}
NUMBER: Schema = {"type": "number"}
NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
WORD: Schema = {"type": "string"}
TEXT: Schema = {"type": ["string", "null"]}
FLAG: Schema = {"type": "boolean"}
ANYTHING: Schema = {}
NOTHING: Schema = {"type": "null"}
FREE: Schema = {"type": ["object", "array", "null"]}
WORDS: Schema = {"type": ["array", "null"], "items": WORD}
_STAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$"
TIME: Schema = {"type": "string", "pattern": _STAMP, "description": "UTC, without an offset."}
TIME_OR_NULL: Schema = {"type": ["string", "null"], "pattern": _STAMP, "description": "UTC, without an offset."}
TIMES: dict[str, Schema] = {"created_at": TIME, "updated_at": TIME}
OF_KIND: Mapping[str, Schema] = {
    "text": TEXT,
    "prose": TEXT,
    "whole": WHOLE_OR_NULL,
    "number": NUMBER_OR_NULL,
    "flag": {"type": ["boolean", "null"]},
    "strings": WORDS,
    "json": FREE,
    "any": ANYTHING,
}


def ref(name: str) -> Schema:
    """Return a reference to one of SHAPES."""
    return {"$ref": f"#/components/schemas/{name}"}


def thing(**properties: Schema) -> Schema:
    """Return the schema of an object with exactly these properties."""
    return exactly(properties)


def many(element: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": element}


def exactly(properties: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """Return the schema of an object with these properties, the optional ones, and no other."""
    every = {**properties, **(optional or {})}
    return {"type": "object", "properties": every, "required": [*properties], "additionalProperties": False}


def of_kinds(kinds: Mapping[str, str]) -> dict[str, Schema]:
    """Return the schemas of a table of fields, as answers show them."""
    return {name: OF_KIND[kind] for name, kind in kinds.items()}


def each(names: Iterable[str], schema: Schema) -> dict[str, Schema]:
    """Return one schema for several names."""
    return dict.fromkeys(names, schema)


def or_null(schema: Schema) -> Schema:
    """Return a schema that null fits too."""
    return {"anyOf": [schema, NOTHING]}
