"""Reading what Omneo writes, and writing what it reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimable_benefits.domain.storable import repaired
from claimable_benefits.errors import InvalidResponse
from claimable_benefits.omneo import codec, pagination, parsing
from claimable_benefits.omneo.parsing import FieldReader

ZONES = sorted(available_timezones())
MELBOURNE = ZoneInfo("Australia/Melbourne")
NOW = datetime(2025, 6, 15, 4, 30, tzinfo=UTC)

FIELDS = st.sampled_from(
    [
        "data id definition handle items type type_attributes tags profile profile_id identifier timezone expires_at",
        "transaction redemption redemption_id meta links last_page total next count issued_at created_at message 0 1",
    ]
).flatmap(lambda names: st.sampled_from(names.split()))
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.decimals(allow_nan=True).map(str)
    | st.datetimes().map(str)
    | st.sampled_from(["benefit", "redeem", "1", "true", "9" * 5000, "1e999999999", "America", "../etc", "\ud800"])
    | st.text()
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(FIELDS | st.text(), inner), max_leaves=30)
RECORDS = st.dictionaries(FIELDS, JSON)
READERS: list[Callable[[object], object]] = [
    FieldReader(MELBOURNE).definition,
    FieldReader(MELBOURNE).benefit,
    FieldReader(MELBOURNE).redemption,
    FieldReader(MELBOURNE).transaction,
    FieldReader(MELBOURNE, echo=True).benefit,
    FieldReader(MELBOURNE, echo=True).redemption,
    lambda value: parsing.profile_id(codec.data(value), "ecommerce", "C-1"),
    lambda value: pagination.parse(value, 1, FieldReader(MELBOURNE).benefit),
]


@given(value=JSON | RECORDS, reader=st.sampled_from(READERS))
def test_any_answer_is_parsed_or_is_an_invalid_response(value: object, reader: Callable[[object], object]) -> None:
    body = json.dumps(value).encode()
    try:
        read = reader(codec.load(body))
    except InvalidResponse as problem:
        read = problem

    assert repr(read).isprintable() or repr(read)  # it can be shown


@given(st.binary())
def test_bytes_that_are_no_json_are_invalid(body: bytes) -> None:
    try:
        found = codec.load(body)
    except InvalidResponse as problem:
        found = problem.message

    assert found == "Omneo's answer is not readable JSON." or found == json.loads(body, parse_float=Decimal)


@given(seconds=st.integers(-(2**31), 2**33), zone=st.sampled_from(ZONES))
def test_a_time_survives_the_way_out_and_back_in_every_zone(seconds: int, zone: str) -> None:
    here = ZoneInfo(zone)
    sent = datetime.fromtimestamp(seconds, here)

    echoed = codec.moment(codec.wall_clock(sent, here), here)

    if sent.fold:  # the clock shows this hour twice, and a wall-clock time without offset can only mean the first
        assert echoed is not None
        assert sent.utcoffset() != sent.replace(fold=0).utcoffset()
        assert echoed == sent.replace(fold=0).astimezone(
            UTC
        )  # Python finds no time of this hour equal to another zone's
    else:
        assert echoed == sent


def test_the_clocks_go_back_and_forth_with_the_zone() -> None:
    before = datetime(2025, 4, 5, 15, 30, tzinfo=UTC)  # 02:30 in summer time
    after = before + timedelta(hours=1)  # 02:30 again, in winter time
    gone = datetime(2025, 10, 4, 16, 0, tzinfo=UTC)  # the moment in which 02:00 becomes 03:00

    assert "2025-04-06 02:30:00" == codec.wall_clock(before, MELBOURNE) == codec.wall_clock(after, MELBOURNE)
    assert codec.wall_clock(gone, MELBOURNE) == "2025-10-05 03:00:00"
    assert before == codec.moment("2025-04-06 02:30:00", MELBOURNE)
    assert gone == codec.moment("2025-10-05 02:00:00", MELBOURNE)  # a time that never was is the one an hour later


def test_a_naive_time_is_not_sent() -> None:
    with pytest.raises(ValueError, match="needs a time zone"):
        codec.wall_clock(datetime(2025, 6, 15), MELBOURNE)  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2025-06-15 04:30:00", NOW),
        ("2025-06-15T04:30:00", NOW),
        ("2025-06-15T04:30:00Z", NOW),
        ("2025-06-15T04:30:00.000000Z", NOW),
        ("2025-06-15T14:30:00+10:00", NOW),
        (" 2025-06-15 04:30:00 ", NOW),
        ("2025-06-15", datetime(2025, 6, 15, tzinfo=UTC)),
        ("0000-00-00 00:00:00", None),
        ("9999-12-31T23:59:59-12:00", None),
        ("soon", None),
        ("", None),
        (None, None),
        (1749961800, None),
        (["2025-06-15"], None),
    ],
)
def test_times_are_utc_where_they_do_not_say(value: object, expected: datetime | None) -> None:
    assert expected == codec.moment(value)


@pytest.mark.parametrize("yes", [True, "true", "True", 1, "1"])
def test_what_means_yes(yes: object) -> None:
    assert codec.flag(yes)


@pytest.mark.parametrize("no", [False, "false", 0, "0", "", "yes?", [], {}, 2])
def test_what_means_no(no: object) -> None:
    assert not codec.flag(no, default=True)


def test_a_missing_boolean_is_the_default() -> None:
    assert (codec.flag(None, default=True), codec.flag(None)) == (True, False)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, "7"),
        ("7", "7"),
        (" a b ", "a b"),
        (Decimal("7.0"), "7"),
        ("", None),
        (" ", None),
        (None, None),
        (True, None),
        ([7], None),
        ({"id": 7}, None),
        ("\ud800", None),
        ("7\x00", None),
        ("7\n8", None),
        ("7\x9f", None),
        (" 7\n", "7"),
        ("x" * 255, "x" * 255),
        ("x" * 256, None),
        (Decimal("7.5"), None),
    ],
)
def test_ids_are_opaque_texts(value: object, expected: str | None) -> None:
    assert expected == codec.identifier(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, 3),
        ("3", 3),
        ("3.0", 3),
        (Decimal("3.0"), 3),
        ("3.5", None),
        ("x", None),
        (True, None),
        (None, None),
        ("1e999999999", None),
        ("NaN", None),
        ("-Infinity", None),
        ({"x": 1}, None),
    ],
)
def test_whole_numbers_come_as_numbers_or_texts(value: object, expected: int | None) -> None:
    assert expected == codec.integer(value)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15))
def test_amounts_go_out_as_numbers_with_exactly_their_digits(amount: Decimal) -> None:
    written = codec.dump({"total": amount})

    assert amount == json.loads(written, parse_float=Decimal, parse_int=Decimal)["total"]
    assert '"' not in written.removeprefix('{"total":')


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("89.99"), "89.99"),
        (Decimal("89.90"), "89.90"),
        (Decimal("0.1") + Decimal("0.2"), "0.3"),
        (Decimal("1E+3"), "1000"),
        ({"a": [1, "ü\n", None, True, (Decimal("0.00"),)]}, '{"a":[1,"\\u00fc\\n",null,true,[0.00]]}'),
    ],
)
def test_json_is_written_as_expected(value: object, expected: str) -> None:
    assert expected == codec.dump(value)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity"), float("nan")])
def test_what_is_no_amount_is_not_sent(value: object) -> None:
    with pytest.raises(ValueError, match=r"not an amount|not JSON compliant"):
        codec.dump({"total": value})


@given(JSON)
def test_what_we_write_is_json(value: object) -> None:
    written = codec.dump(value)

    assert as_sent(value) == json.loads(written)
    assert json.dumps(as_sent(value), ensure_ascii=False).encode("utf-8", "ignore")


def as_sent(value: object) -> object:
    """The value with every text repaired; the names of fields are ours."""
    if isinstance(value, dict):
        return {name: as_sent(item) for name, item in value.items()}
    if isinstance(value, list):
        return [as_sent(item) for item in value]
    return repaired(value) if isinstance(value, str) else value


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("Shirt \ud83d", "Shirt \ufffd"),
        ("\udc00\ud83d", "\ufffd\ufffd"),
        ("Shirt 👕", "Shirt 👕"),
        ("Sh\x00irt\x07", "Shirt"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\u202eright to left", "\u202eright to left"),
    ],
)
def test_texts_go_out_repaired(typed: str, sent: str) -> None:
    assert json.loads(codec.dump({"name": typed})) == {"name": sent}
    assert codec.text(typed) == sent


def test_a_text_is_cut_where_it_is_read() -> None:
    assert codec.text("x" * 60_000) == "x" * 19_999 + "…"
    assert codec.text("x" * 300, 255) == "x" * 254 + "…"
    assert codec.text("x" * 255, 255) == "x" * 255


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (" ABC-1 ", "ABC-1"),
        (42, "42"),
        ("A\x00", "A"),
        ("", None),
        (None, None),
        ("x" * 255, "x" * 255),
        ("x" * 256, None),
    ],
)
def test_a_code_is_whole_or_none(value: object, expected: str | None) -> None:
    assert codec.code(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(3, 3), ("3", 3), (-1, 0), (10**12, 2**31 - 1), ("1e999999999", None), (None, None)]
)
def test_a_count_fits_its_column(value: object, expected: int | None) -> None:
    assert codec.count(value) == expected


@pytest.mark.parametrize("value", ["1E+999999", "1E-999999", "1" * 41, Decimal("1E+41"), 10**41])
def test_what_has_too_many_digits_is_no_amount(value: object) -> None:
    assert codec.decimal(value) is None


@pytest.mark.parametrize("value", ["0001-01-01 00:00:00", "9999-12-31 23:59:59", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_stands_for_never_is_none(value: str) -> None:
    assert [codec.moment(value, zone) for zone in (UTC, MELBOURNE)] == [None, None]


@pytest.mark.parametrize(
    ("text", "sent"),
    [("159", 159), ("0159", "0159"), ("159a", "159a"), ("²", "²"), ("-1", "-1"), ("9" * 30, "9" * 30), ("", "")],
)
def test_ids_go_out_as_numbers_where_they_are_numbers(text: str, sent: int | str) -> None:
    assert sent == codec.id_to_send(text)


@pytest.mark.parametrize("value", [None, [], {}])
def test_nothing_is_an_empty_list(value: object) -> None:
    assert codec.elements(value) == []


def test_a_list_with_gaps_is_a_list() -> None:
    assert codec.elements({"0": "a", "2": "b"}) == ["a", "b"]


@pytest.mark.parametrize("value", ["x", 7, {"id": 7}])
def test_what_is_no_list_is_an_invalid_response(value: object) -> None:
    with pytest.raises(InvalidResponse):
        codec.elements(value)
