"""The fields of a request's body as a table, and the check of a body against it (Omneo facts 1.8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from claimable_benefits.sandbox.protocol.body_reader import RequestForm, read_kind


@dataclass(frozen=True)
class Field:
    """What a field takes, by the name of its reader in `RequestForm`; `fields` are those of each object in a list.

    `required`: sent, and not empty. `present`: sent, be it as null. `filled`: not null where it is sent. The views
    check the latter two themselves.
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


def optional_fields(kinds: Mapping[str, str]) -> dict[str, Field]:
    """Return the fields of a table of kinds, none of which is required."""
    return {name: Field(kind) for name, kind in kinds.items()}


def check_fields(form: RequestForm, fields: Fields) -> None:
    """Add an error for every field that is missing or of a wrong type; ignore fields that are not in the table."""
    for name, spec in fields.items():
        _CHECKS.get(spec.kind, _free)(form, name, spec)


def _free(form: RequestForm, name: str, spec: Field) -> None:
    read_kind(form, name, spec.kind)


def _inner(form: RequestForm, name: str, spec: Field) -> None:
    for inner in form.objects(name):
        check_fields(inner, spec.fields)


def _named(form: RequestForm, name: str, _spec: Field) -> None:
    value = form.raw(name)
    if value in (None, "") or isinstance(value, bool) or not isinstance(value, str | int):
        form.add_error(name, f"{name} is required: a handle or an id.")


def _ids(form: RequestForm, name: str, _spec: Field) -> None:
    value = form.raw(name)
    if not isinstance(value, list) or not value or not all(isinstance(part, int | str) for part in value):
        form.add_error(name, f"{name} must be a list of ids.")


_CHECKS: dict[str, Callable[[RequestForm, str, Field], object]] = {
    "text": lambda form, name, spec: form.text(name, required=spec.required),
    "handle": lambda form, name, spec: form.handle(name, required=spec.required),
    "zone": lambda form, name, spec: form.zone(name, required=spec.required),
    "moment": lambda form, name, spec: form.moment(name, "UTC", required=spec.required),
    "number": lambda form, name, spec: form.number(name, required=spec.required),
    "address": lambda form, name, spec: form.text(name, required=spec.required, limit=2000),
    "choice": lambda form, name, spec: form.choice(name, spec.values),
    "integer": lambda form, name, spec: form.integer(name, required=spec.required, least=spec.least, most=spec.most),
    "objects": _inner,
    "named": _named,
    "ids": _ids,
}
