"""Finding out which dialect a tenant speaks."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import get_args

import httpx
import pytest

from claimable_benefits.errors import AuthenticationError, ConnectionFailed, NotApplied, OmneoError
from claimable_benefits.omneo import paths
from claimable_benefits.omneo.dialects import Dialect
from tests.omneo.doubles import Reply, answer, client_of, data

GUIDE, REFERENCE = "GET /benefit-definitions", "GET /benefits/definitions"
REDEEM, STRATEGY = "POST /profiles/p/benefits/7/redemptions", "POST /profiles/p/redeem"
NOW = datetime(2025, 6, 15, 4, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({GUIDE: data([]), REFERENCE: data([])}, "guide"),
        ({GUIDE: answer({}, 403)}, "guide"),
        ({REFERENCE: data([])}, "reference"),
        ({REFERENCE: answer({}, 403)}, "reference"),
        ({GUIDE: answer({}, 405), REFERENCE: data([])}, "reference"),
        ({GUIDE: httpx.Response(404, html="<p>"), REFERENCE: data([])}, "reference"),
        ({GUIDE: data([]), REFERENCE: answer({}, 500)}, "guide"),
        ({}, "guide"),
    ],
)
def test_the_dialect_is_found_out_with_reads(table: dict[str, Reply], expected: str) -> None:
    told: list[str] = []
    with client_of(table, dialect="auto", on_dialect=told.append) as (client, tenant):
        spoken = client.dialect(), client.dialect()

    assert (expected, expected) == spoken
    assert [expected] == told
    assert {"GET"} == {request.method for request in tenant.requests}


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer({}, 401), AuthenticationError),
        (answer({}, 500), NotApplied),
        (httpx.ConnectError("refused"), ConnectionFailed),
        (httpx.Response(302, headers={"Location": "/login"}), NotApplied),
        (httpx.Response(200, html="<p>"), NotApplied),
    ],
)
def test_an_inconclusive_probe_is_repeated_later(reply: Reply, kind: type[OmneoError]) -> None:
    with client_of({GUIDE: reply}, dialect="auto") as (client, tenant):
        with pytest.raises(kind):
            client.redeem("p", "7", reference="r", at=NOW)
        tenant.table = {REFERENCE: data([])}
        spoken = client.dialect()

    assert spoken == "reference"
    assert {"GET"} == {request.method for request in tenant.requests}


@pytest.mark.parametrize("dialect", get_args(Dialect))
def test_a_dialect_that_is_set_is_not_found_out(dialect: str) -> None:
    told: list[str] = []
    with client_of({}, dialect=dialect, on_dialect=told.append) as (client, tenant):
        spoken = client.dialect()

    assert dialect == spoken
    assert (tenant.calls, told) == ([], [])


def test_what_both_dialects_share_is_asked_without_finding_out() -> None:
    with client_of({}, dialect="auto") as (client, tenant):
        client.benefit("p", "7")

    assert tenant.calls == ["GET /profiles/p/benefits/7"]


def test_many_threads_find_out_once() -> None:
    told: list[str] = []
    one_client = client_of({REFERENCE: data([])}, dialect="auto", on_dialect=told.append)
    with one_client as (client, tenant), ThreadPoolExecutor(8) as pool:
        spoken = set(pool.map(lambda _: client.dialect(), range(50)))

    assert {"reference"} == spoken
    assert tenant.calls == [GUIDE, REFERENCE]
    assert told == ["reference"]


def test_a_tenant_that_mixes_its_dialects_is_called_in_the_variant_it_has() -> None:
    with client_of({GUIDE: data([]), STRATEGY: data({"id": 1})}, dialect="auto") as (client, tenant):
        client.redeem("p", "7", reference="r1", at=NOW)
        client.redeem("p", "7", reference="r2", at=NOW)

    assert tenant.calls == [GUIDE, REDEEM, STRATEGY, STRATEGY]


def test_a_dialect_that_is_set_is_kept_to() -> None:
    with client_of({STRATEGY: data({"id": 1})}, dialect="guide") as (client, tenant), pytest.raises(OmneoError):
        client.redeem("p", "7", reference="r", at=NOW)

    assert tenant.calls == [REDEEM]


def test_a_refusal_of_one_variant_does_not_make_it_the_known_one() -> None:
    table = {GUIDE: data([]), STRATEGY: answer({}, 422)}
    with client_of(table, dialect="auto") as (client, tenant):
        with pytest.raises(OmneoError):
            client.redeem("p", "7", reference="r1", at=NOW)
        tenant.table = {REDEEM: data({"id": 1})}
        client.redeem("p", "7", reference="r2", at=NOW)

    assert tenant.calls == [GUIDE, REDEEM, STRATEGY, REDEEM]


def test_both_dialects_of_a_path_take_the_same_ids() -> None:
    def ids(template: str) -> set[str]:
        return set(re.findall(r"{(\w+)}", template))

    table = {name: path for name, path in vars(paths).items() if isinstance(path, paths.Path)}

    assert table
    assert [name for name, path in table.items() if not any(path)] == []
    assert [name for name, (one, other) in table.items() if one and other and ids(one) != ids(other)] == []
