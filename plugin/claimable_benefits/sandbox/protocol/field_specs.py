"""The fields of a request's body as values: one table checks a request and describes it (Omneo facts 1.8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from claimable_benefits.sandbox.protocol.body_reader import RequestForm, read_kind

Schema = dict[str, Any]


@dataclass(frozen=True)
class Field:
    """What a field takes, by the name of the reader in `form.Form`; `fields` are those of each object in a list.

    `required`: sent, and not empty. `present`: sent, be it as null. `filled`: not null where it is sent. The rooms
    insist on the latter two themselves.
    """

    kind: str
    required: bool = False
    present: bool = False
    filled: bool = False
    least: int = -(10**9)
    most: int = 10**15
    values: tuple[str, ...] = ()
    fields: Mapping[str, Field] = field(default_factory=dict)


Fields = Mapping[str, Field]


def table(kinds: Mapping[str, str]) -> dict[str, Field]:
    """Return the fields of a table of kinds, as the rooms keep them."""
    return {name: Field(kind) for name, kind in kinds.items()}


def check(form: RequestForm, fields: Fields) -> None:
    """Record a fault for every field that is missing or of a wrong type; a field that is not described is ignored."""
    for name, known in fields.items():
        _CHECKS.get(known.kind, _free)(form, name, known)


def schema_of(fields: Fields) -> Schema:
    """Return the JSON Schema of a body with these fields."""
    required = [name for name, known in fields.items() if known.required or known.present]
    properties = {name: _schema(known) for name, known in fields.items()}
    return {"type": "object", "properties": properties} | ({"required": required} if required else {})


def _free(form: RequestForm, name: str, known: Field) -> None:
    read_kind(form, name, known.kind)


def _inner(form: RequestForm, name: str, known: Field) -> None:
    for inner in form.forms(name):
        check(inner, known.fields)


def _named(form: RequestForm, name: str, _known: Field) -> None:
    value = form.anything(name)
    if value in (None, "") or isinstance(value, bool) or not isinstance(value, str | int):
        form.fault(name, f"{name} is required: a handle or an id.")


def _ids(form: RequestForm, name: str, _known: Field) -> None:
    value = form.anything(name)
    if not isinstance(value, list) or not value or not all(isinstance(part, int | str) for part in value):
        form.fault(name, f"{name} must be a list of ids.")


_CHECKS: dict[str, Callable[[RequestForm, str, Field], object]] = {
    "text": lambda form, name, known: form.text(name, required=known.required),
    "handle": lambda form, name, known: form.handle(name, required=known.required),
    "zone": lambda form, name, known: form.zone(name, required=known.required),
    "moment": lambda form, name, known: form.moment(name, "UTC", required=known.required),
    "number": lambda form, name, known: form.number(name, required=known.required),
    "address": lambda form, name, known: form.text(name, required=known.required, limit=2000),
    "choice": lambda form, name, known: form.choice(name, known.values),
    "whole": lambda form, name, known: form.whole(name, required=known.required, least=known.least, most=known.most),
    "forms": _inner,
    "named": _named,
    "ids": _ids,
}

_SCHEMAS: dict[str, Schema] = {
    "text": {"type": "string", "maxLength": 255},
    "address": {"type": "string", "maxLength": 2000, "pattern": "^https?://"},
    "prose": {"type": "string", "maxLength": 65535},
    "handle": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,255}$"},
    "zone": {"type": "string", "description": "An IANA time zone.", "examples": ["Australia/Melbourne"]},
    "moment": {
        "type": "string",
        "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}:[0-9]{2})?$",
        "description": "Wall clock in the request's time zone; a date alone is its midnight.",
        "examples": ["2026-06-15 12:00:00"],
    },
    "whole": {"type": ["integer", "string"], "pattern": "^[+-]?[0-9]{1,15}$"},
    "number": {"type": ["number", "string"], "minimum": -1e12, "maximum": 1e12},
    "flag": {"enum": [True, False, 0, 1, "0", "1"]},
    "strings": {"type": "array", "items": {"type": "string"}},
    "json": {"type": ["object", "array"]},
    "any": {},
    "named": {"type": ["string", "integer"], "minLength": 1, "description": "A handle, or an id."},
    "ids": {"type": "array", "items": {"type": ["integer", "string"]}, "minItems": 1},
}
_ALWAYS = ("named", "ids")  # neither may be null


def _schema(known: Field) -> Schema:
    """Return the JSON Schema of one field; what is not required may be null."""
    if known.kind == "forms":
        made: Schema = {"type": "array", "items": schema_of(known.fields)}
    elif known.kind == "choice":
        made = {"type": "string", "enum": list(known.values)}
    else:
        made = dict(_SCHEMAS[known.kind])
    if known.kind == "whole":
        made |= {"minimum": known.least, "maximum": known.most}
    if known.required:
        return made | ({"minLength": 1} if "string" in made.get("type", ()) else {})
    return made if known.filled or known.kind in _ALWAYS or not made else _nullable(made)


def _nullable(schema: Schema) -> Schema:
    changed = {}
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        changed["type"] = [*kinds, "null"]
    if "enum" in schema:
        changed["enum"] = [*schema["enum"], None]
    return schema | changed
