"""What Omneo shows of a profile at one moment, and its JSON for the shared cache, which holds every text once."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from decimal import Decimal, InvalidOperation
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.domain.benefits import Benefit, Definition

_TIMES = frozenset({"issued_at", "expires_at", "claimed_at", "claim_from", "claim_until"})
_BARE = 400  # bytes of a record without its texts, roughly


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a profile holds and may claim. ``profile_id`` is None for a shopper unknown to Omneo: both are empty."""

    profile_id: str | None
    benefits: tuple[Benefit, ...] = ()
    claimable: tuple[Definition, ...] = ()


# A definition belongs to no shopper, so all of them can share it.
_known: LruCache[Definition] = LruCache(entries=2000, weight=4_000_000)


def interned(snapshot: Snapshot) -> Snapshot:
    """Share equal definitions between snapshots: thousands of shoppers hold the same few, each with its long texts."""
    benefits = tuple(
        one if (kind := _one(one.definition)) is one.definition else replace(one, definition=kind)
        for one in snapshot.benefits
    )
    return Snapshot(snapshot.profile_id, benefits, tuple(map(_one, snapshot.claimable)))


def _one(definition: Definition) -> Definition:
    if (known := _known.get(definition)) is not None:
        return known
    _known.put(definition, definition, _weight(definition))
    return definition


def size_of(snapshot: Snapshot) -> int:
    """Estimate its bytes of memory, counting each definition once."""
    kinds = {id(kind): kind for kind in _kinds(snapshot)}
    return _BARE * (1 + len(snapshot.benefits)) + sum(map(_weight, kinds.values()))


def to_json(snapshot: Snapshot) -> bytes:
    """Write the snapshot as JSON."""
    kinds = {kind: number for number, kind in enumerate(dict.fromkeys(_kinds(snapshot)))}
    document = {
        "profile_id": snapshot.profile_id,
        "definitions": [_plain(kind) for kind in kinds],
        "benefits": [{**_plain(one), "definition": kinds[one.definition]} for one in snapshot.benefits],
        "claimable": [kinds[kind] for kind in snapshot.claimable],
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def from_json(profile_id: str, payload: bytes) -> Snapshot:
    """Read the snapshot of that profile. Raises `ValueError` for anything else: other programs may write there."""
    try:
        document = json.loads(payload)
        kinds = [_checked(Definition(**_typed(one, "tags"))) for one in document["definitions"]]
        benefits = tuple(
            _checked(Benefit(**_typed({**one, "definition": kinds[_number(one["definition"])]})))
            for one in document["benefits"]
        )
        claimable = tuple(kinds[_number(number)] for number in document["claimable"])
    except (KeyError, TypeError, IndexError, AttributeError, InvalidOperation, RecursionError) as error:
        raise ValueError("This is not a snapshot.") from error
    if document["profile_id"] != profile_id or any(one.profile_id not in (None, profile_id) for one in benefits):
        raise ValueError("This snapshot is another profile's.")
    return Snapshot(profile_id, benefits, claimable)


def _kinds(snapshot: Snapshot) -> Iterable[Definition]:
    return [*(benefit.definition for benefit in snapshot.benefits), *snapshot.claimable]


def _weight(kind: Definition) -> int:
    texts = (kind.name, kind.short_description, kind.long_description, kind.terms, kind.earn_instructions)
    return _BARE * 2 + 2 * sum(map(len, (*texts, kind.instructions_online, kind.instructions_store)))


_NAMES = {
    kind: tuple(field.name for field in fields(kind) if field.name != "definition") for kind in (Benefit, Definition)
}


def _plain(record: Benefit | Definition) -> dict[str, Any]:
    values = ((name, getattr(record, name)) for name in _NAMES[type(record)])
    return {name: _to_json_value(value) for name, value in values if value is not None}


def _to_json_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _typed(plain: dict[str, Any], listed: str = "") -> dict[str, Any]:
    """Turn JSON values into the domain's: aware times, decimals, tuples."""
    typed = dict(plain)
    for name in _TIMES & typed.keys():
        typed[name] = datetime.fromisoformat(typed[name])
        if typed[name].tzinfo is None:
            raise ValueError("A time has no zone.")
    if "value" in typed:
        typed["value"] = Decimal(typed["value"])
    if isinstance(typed.get(listed), list):
        typed[listed] = tuple(typed[listed])
    return typed


def _types_of(record: type[Benefit | Definition]) -> dict[str, frozenset[type]]:
    """The types that each field may have."""
    types = {}
    for name, hint in get_type_hints(record).items():
        several = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        types[name] = frozenset(get_origin(one) or one for one in several)
    return types


_TYPES = {record: _types_of(record) for record in (Benefit, Definition)}
_Record = TypeVar("_Record", Benefit, Definition)


def _checked(record: _Record) -> _Record:
    """Return ``record``; raise `ValueError` where a field has another type than the class says."""
    for name, types in _TYPES[type(record)].items():
        value = getattr(record, name)
        if type(value) not in types or not _is_usable(value):
            raise ValueError(f"{name} is not what it should be.")
    return record


def _is_usable(value: Any) -> bool:
    if isinstance(value, str):
        return value.isascii() or bool(value.encode())  # raises for half a surrogate pair, which no page can hold
    if isinstance(value, tuple):
        return all(isinstance(one, str) and _is_usable(one) for one in value)
    return not isinstance(value, Decimal) or value.is_finite()


def _number(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError("This is not an index.")
    return value
