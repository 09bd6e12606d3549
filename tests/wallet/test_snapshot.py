"""What travels between processes comes out as it went in, and anything else is refused."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimable_benefits.domain.benefits import Benefit, Definition
from claimable_benefits.wallet.snapshot import Snapshot, from_json, interned, size_of, to_json

moments = st.none() | st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - the zone follows
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
definitions = st.builds(
    Definition,
    id=texts,
    handle=texts,
    name=texts,
    terms=texts,
    code_online=st.none() | texts,
    value=st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    max_redemptions=st.none() | st.integers(0, 9),
    claim_until=moments,
    tags=st.lists(texts, max_size=3).map(tuple),
)
benefits = st.builds(
    Benefit,
    id=texts,
    definition=definitions,
    profile_id=st.none() | st.just("p"),
    expires_at=moments,
    remaining=st.none() | st.integers(0, 9),
    is_redeemable=st.booleans(),
)
snapshots = st.builds(
    Snapshot, st.just("p"), st.lists(benefits, max_size=5).map(tuple), st.lists(definitions, max_size=5).map(tuple)
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
KIND = Definition("1", "gift", "Gift", value=Decimal("1.50"), claim_until=NOW, tags=("a",))
MINE = Snapshot("p", (Benefit("7", KIND, profile_id="p", expires_at=NOW),), (KIND,))


@given(snapshots)
def test_a_snapshot_comes_out_as_it_went_in(snapshot: Snapshot) -> None:
    assert snapshot == from_json("p", to_json(snapshot))


@given(snapshots)
def test_equal_definitions_become_one_and_nothing_else_changes(snapshot: Snapshot) -> None:
    again = interned(replace(snapshot))

    assert snapshot == again
    assert all(one.definition is interned(snapshot).benefits[at].definition for at, one in enumerate(again.benefits))


def test_a_snapshot_is_read_for_its_own_profile_only() -> None:
    theirs = Snapshot("p", (replace(MINE.benefits[0], profile_id="another profile's"),))

    for payload, profile_id in ((to_json(MINE), "q"), (to_json(theirs), "p")):
        with pytest.raises(ValueError, match="another profile's"):
            from_json(profile_id, payload)


@given(st.binary(max_size=200))
def test_garbage_is_no_snapshot(garbage: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        from_json("p", garbage)


@pytest.mark.parametrize(
    ("whole", "broken"),
    [
        (b'"definition":0', b'"definition":-1'),
        (b'"definition":0', b'"definition":1'),
        (b'"definition":0', b'"definition":"0"'),
        (b'"claimable":[0]', b'"claimable":[[]]'),
        (b'"claimable":[0]', b'"claimable":7'),
        (b'"value":"1.50"', b'"value":"much"'),
        (b'"value":"1.50"', b'"colour":"red"'),
        (b"+00:00", b""),
        (b"2026-01-01", b"2026-13-01"),
    ],
)
def test_a_snapshot_with_a_flaw_is_none(whole: bytes, broken: bytes) -> None:
    payload = to_json(MINE)
    assert whole in payload

    with pytest.raises(ValueError):  # noqa: PT011 - whatever is wrong with it
        from_json("p", payload.replace(whole, broken))


def test_a_definition_that_many_hold_weighs_and_travels_once() -> None:
    long = replace(KIND, terms="x" * 10_000)
    many = Snapshot("p", tuple(Benefit(str(number), long) for number in range(50)))

    assert size_of(many) < 50_000
    assert len(to_json(many)) < 20_000


def test_times_stay_aware() -> None:
    expires_at = from_json("p", to_json(MINE)).benefits[0].expires_at

    assert expires_at is not None
    assert expires_at.utcoffset() == timedelta(0)


def cases() -> list[tuple[str, str, object]]:
    """Every field of an entry with every value of a wrong type, as another program may have written it."""
    document = json.loads(to_json(FULL))
    places = {"document": document, "definitions": document["definitions"][0], "benefits": document["benefits"][0]}
    return [(place, name, value) for place, fields in places.items() for name in fields for value in WRONG]


WRONG: tuple[object, ...] = ([], {}, [7], "x", "\ud800", "\x00", 7, -1, 1.5, True, [[]], {"a": 1})
FULL_KIND = Definition(
    *("1", "gift", "Gift", "s", "l", "t", "e", "o", "i", "C1", "C2", "https://x.example", "type"),
    *(Decimal("1.50"), 3, "days", 2, 5, True, True, True, NOW, NOW, ("a",)),
)
FULL = Snapshot(
    "p", (Benefit("7", FULL_KIND, "p", "r", NOW, NOW, NOW, "UTC", False, True, 1, "C1", "C2"),), (FULL_KIND,)
)


@pytest.mark.parametrize(("place", "name", "value"), cases())
def test_an_entry_of_the_right_shape_with_a_wrong_type_is_none(place: str, name: str, value: object) -> None:
    document = json.loads(to_json(FULL))
    fields = document if place == "document" else document[place][0]
    fields[name] = value
    try:
        read = from_json("p", json.dumps(document).encode())
    except ValueError:
        return

    # What is read all the same has the right types: a text instead of another text, a number instead of another.
    assert snapshots_equal_types(read)
    assert size_of(read) > 0
    assert interned(read) == read
    assert from_json("p", to_json(read)) == read


def snapshots_equal_types(snapshot: Snapshot) -> bool:
    usual = [*FULL.benefits, *FULL.claimable]
    records: list[Benefit | Definition] = [*snapshot.benefits, *snapshot.claimable]
    of_kind = {type(record): record for record in usual}
    return all(
        type(getattr(record, field.name)) is type(getattr(of_kind[type(record)], field.name))
        for record in records
        for field in fields(record)
    )


def test_there_are_enough_cases() -> None:
    assert len(cases()) >= 372
