"""What every answer has in common: authentication, envelopes, pages, filters, refusals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claimable_benefits.sandbox.state.request_state import sandbox
from tests.sandbox.client import NOON, SandboxClient


@pytest.mark.parametrize("header", ["", "Bearer wrong", "Basic c2FuZGJveA==", "Bearer", "Bearer ümlaut"])
def test_the_api_asks_for_its_token(api: SandboxClient, header: str) -> None:
    reply = api.call("GET", "/profiles", headers={"Authorization": header})

    assert (reply.status, reply.json) == (401, {"message": "Unauthenticated."})


@pytest.mark.parametrize(
    "path", ["/nothing", "/profiles/nobody", "/benefits/999", "/benefits/9" + "9" * 30, "/transactions/x"]
)
def test_what_is_not_there_is_a_404_in_json(api: SandboxClient, path: str) -> None:
    reply = api.get(path)

    assert (reply.status, list(reply.json)) == (404, ["message"])


def test_a_wrong_method_is_a_405_in_json(api: SandboxClient) -> None:
    reply = api.delete("/transactions")

    assert (reply.status, list(reply.json)) == (405, ["message"])


@pytest.mark.parametrize(
    "text",
    [
        '{"a":',
        "nonsense",
        "[1]",
        "7",
        '"x"',
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": "\\ud800"}',
        "[" * 9999,
        '{"a":' * 70 + "1" + "}" * 70,
    ],
)
def test_a_body_that_cannot_be_read_is_a_400(api: SandboxClient, text: str) -> None:
    reply = api.call("POST", "/profiles", data=text.encode(), content_type="application/json")

    assert (reply.status, list(reply.json)) == (400, ["message"])


def test_a_body_over_a_mebibyte_is_a_413(api: SandboxClient) -> None:
    reply = api.post("/profiles", {"first_name": "x" * 1024 * 1024})

    assert (reply.status, list(reply.json)) == (413, ["message"])


def test_a_deletion_is_an_empty_204(api: SandboxClient) -> None:
    benefit = api.issue(api.define(), api.profile())

    reply = api.delete(f"/benefits/{benefit['id']}")

    assert (reply.status, reply.json) == (204, None)
    assert api.get(f"/benefits/{benefit['id']}").status == 404


def test_a_page_has_fifteen_elements_and_links_to_its_neighbours(api: SandboxClient) -> None:
    definition, profile = api.define(), api.profile()
    for _ in range(40):
        api.issue(definition, profile)

    middle = api.get("/benefits", **{"page[number]": 2}).json
    last = api.get(f"/profiles/{profile}/benefits", **{"page[size]": 30, "page[number]": 2}).json
    beyond = api.get("/benefits", page=9).json

    assert [row["id"] for row in middle["data"]] == list(range(16, 31))
    meta = {name: middle["meta"][name] for name in ("current_page", "from", "to", "last_page", "per_page", "total")}
    assert meta == {"current_page": 2, "from": 16, "to": 30, "last_page": 3, "per_page": 15, "total": 40}
    assert "page%5Bnumber%5D=1" in middle["links"]["prev"]
    assert "page%5Bnumber%5D=3" in middle["links"]["next"]
    assert (len(last["data"]), last["links"]["next"]) == (10, None)
    assert (beyond["data"], beyond["meta"]["from"], beyond["meta"]["to"]) == ([], None, None)


@pytest.mark.parametrize(
    "query",
    [
        {"per_page": 2, "page": 2},
        {"limit": 2, "offset": 2},
        {"limit": 2, "page": 2},
        {"page[size]": 2, "page[number]": 2},
    ],
)
def test_every_way_of_paging_leads_to_the_same_page(api: SandboxClient, query: dict[str, int]) -> None:
    for _ in range(5):
        api.order()

    reply = api.get("/transactions", **query)

    assert ([row["id"] for row in reply.data], reply.json["meta"]["current_page"]) == ([3, 4], 2)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"filter[total]": "20"}, [2]),
        ({"filter[total][eq]": "20"}, [2]),
        ({"filter[total][ne]": "20"}, [1, 3]),
        ({"filter[total][gt]": "20"}, [3]),
        ({"filter[total][gte]": "20", "filter[total][lt]": "30"}, [2]),
        ({"filter[total][lte]": "10"}, [1]),
        ({"filter[external_id][in]": "A,C"}, [1, 3]),
        ({"filter[order_number][nullable]": "1"}, [2, 3]),
        ({"filter[order_number][nullable]": "0"}, [1]),
        ({"filter[is_void]": "true"}, [3]),
        ({"filter[transacted_at][gte]": "2026-06-15 02:05:00"}, [2, 3]),
        ({"filter[profile.identities.identifier]": "1001"}, [2]),
        ({"filter[profile][identities][identifier]": "1001"}, [2]),
        ({"sort": "-total"}, [3, 2, 1]),
        ({"sort": "-is_void,total"}, [3, 1, 2]),
    ],
)
def test_filters_with_operators_and_sorting(api: SandboxClient, query: dict[str, str], found: list[int]) -> None:
    mia = api.profile(identities=[{"handle": "shop", "identifier": "1001"}])
    api.order(external_id="A", total=10, order_number="1", transacted_at="2026-06-15 12:04:59")
    api.order(external_id="B", total=20, profile_id=mia)
    api.order(external_id="C", total=30, is_void=True)

    assert found == [row["id"] for row in api.get("/transactions", **query).data]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"filter[total]": "many"}, 422),
        ({"filter[total]": "nan"}, 422),
        ({"filter[is_void]": "perhaps"}, 422),
        ({"filter[transacted_at]": "today"}, 422),
        ({"page[size]": "0"}, 422),
        ({"page[number]": "-1"}, 422),
        ({"page[number]": "9" * 40}, 422),
        ({"offset": "x"}, 422),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(api: SandboxClient, query: dict[str, str], status: int) -> None:
    assert status == api.get("/transactions", **query).status


@pytest.mark.parametrize(
    "query",
    [{"filter[unknown]": "1"}, {"filter[]": "1"}, {"filter[a][b][gte]": "1"}, {"sort": "unknown,-"}, {"colour": "red"}],
)
def test_a_filter_or_sorting_that_nobody_knows_is_ignored(api: SandboxClient, query: dict[str, str]) -> None:
    numbers = [api.order().data["id"] for _ in range(2)]

    reply = api.get("/transactions", **query)

    assert (reply.status, [row["id"] for row in reply.data]) == (200, numbers)


def test_a_date_only_filter_and_a_huge_page_size_are_taken(api: SandboxClient) -> None:
    reply = api.get("/benefits", **{"filter[expires_at][gt]": "2026-01-01", "page[size]": 5000})

    assert (reply.status, reply.json["meta"]["per_page"]) == (200, 100)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = [
    *(
        "name",
        "handle",
        "period",
        "period_type",
        "absolute_expiry",
        "max_redemptions",
        "claim_condition",
        "meta",
        "tags",
        "value",
    ),
    *("benefit_definition_id", "profile_id", "profile_id_handle", "timezone", "issued_at", "expires_at", "external_id"),
    *("definition", "count", "strategies", "benefits", "ids", "extend_date", "extend_days", "type", "id", "identifier"),
    *(
        "total",
        "transacted_at",
        "items",
        "redemption_id",
        "is_void",
        "email",
        "first_name",
        "identities",
        "allocations",
    ),
    *("now", "advance_seconds", "run", "seed", "dialect"),
    *(
        "trigger",
        "url",
        "namespace",
        "condition",
        "queue",
        "scopes",
        "event",
        "mobile_phone",
        "transactions",
        "payments",
    ),
]
SENSIBLE = {
    "timezone": "Australia/Melbourne",
    "period": 7,
    "total": 1,
    "items": [],
    "transacted_at": "2026-06-15 12:00:00",
    "definition": "gift",
    "name": "x",
    "benefit_definition_id": 1,
    "strategies": ["benefits"],
    "trigger": "benefit.updated",
    "url": "https://example.com/",
    "namespace": "x",
}
PATHS = [
    *("/benefit-definitions", "/benefits", "/benefits/extend", "/profiles", "/profiles/search-id", "/transactions"),
    *("/transactions/update-create", "/transactions/queue", "/allocations/batch.json", "/profiles/{p}/benefits/claim"),
    *("/profiles/{p}/benefits/1/claim", "/profiles/{p}/benefits/claim-redeem", "/profiles/{p}/benefits/1/redemptions"),
    *(
        "/profiles/{p}/benefits/1/redeem",
        "/profiles/{p}/redeem",
        "/profiles/{p}/identities",
        "/redemptions/1/benefit/return",
    ),
    *("/_sandbox/reset", "/redemptions/1/return", "/benefits/batch.json", "/transactions/queue/create", "/locations"),
    *("/transactions/batch.json", "/transactions/1/event-trigger", "/webhooks", "/auth/api-tokens"),
    *("/profiles/availability", "/benefits/definitions/1/clone"),
]
CHANGES = [
    "/benefit-definitions/1",
    "/benefits/1",
    "/transactions/1",
    "/profiles/{p}",
    "/locations/1",
    "/webhooks/1",
    "/_sandbox/switches",
    "/_sandbox/clock",
]
READS = [
    "/benefits",
    "/benefit-definitions",
    "/profiles",
    "/redemptions",
    "/transactions",
    "/profiles/{p}/benefits/claimable",
]


@pytest.fixture(scope="module")
def fuzzed() -> Iterator[tuple[SandboxClient, str]]:
    made = SandboxClient(seed="demo")
    yield made, made.get("/profiles", **{"filter[email]": "mia@example.com"}).data[0]["id"]
    sandbox(made.app).store.close()


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    place=st.sampled_from([("POST", path) for path in PATHS] + [("PUT", path) for path in CHANGES]),
    fields=st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), anything, max_size=6),
    helped=st.booleans(),
    read=st.sampled_from(READS),
)
def test_nothing_a_client_sends_makes_it_answer_500(
    fuzzed: tuple[SandboxClient, str], place: tuple[str, str], fields: dict[str, object], helped: bool, read: str
) -> None:
    api, profile = fuzzed
    body = (SENSIBLE | {"profile_id": profile} if helped else {}) | fields

    written = api.call(place[0], place[1].format(p=profile), body)
    after = api.get(read.format(p=profile), **{"filter[meta]": str(fields)[:50]} if read == "/benefits" else {})

    assert written.status < 500, (place, body)
    assert after.status in (200, 404), (place, body, after.json)


def test_the_clock_of_these_tests_is_the_sandboxes(api: SandboxClient) -> None:
    assert api.get("/_sandbox/clock").json == {"now": NOON.isoformat(), "mode": "running"}


@pytest.mark.parametrize("path", ["/api/v3/rewards", "/api/v3/profiles/1/points", "/id/api/v1/profiles/me/tiers"])
def test_a_path_that_the_sandbox_does_not_serve_is_named(api: SandboxClient, path: str) -> None:
    with api.client.get(path, headers={"Authorization": "Bearer sandbox-token"}) as answer:
        said = answer.get_json()["message"]

    assert (answer.status_code, said) == (404, f"The sandbox does not serve GET {path}; Omneo may.")


def test_a_method_that_the_sandbox_does_not_serve_is_named(api: SandboxClient) -> None:
    answer = api.call("PATCH", "/profiles/1")

    assert (answer.status, answer.json["message"]) == (
        405,
        "The sandbox does not serve PATCH /api/v3/profiles/1; Omneo may.",
    )
