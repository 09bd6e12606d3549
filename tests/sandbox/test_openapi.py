"""The description: nothing is missing from it, nothing in it is untrue, and requests are held to it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from claimable_benefits.sandbox.demo import people as demo_data
from claimable_benefits.sandbox.openapi import document
from claimable_benefits.sandbox.openapi.described import ANSWERS
from claimable_benefits.sandbox.openapi.request_bodies import BODIES
from claimable_benefits.sandbox.protocol.field_specs import Fields
from claimable_benefits.sandbox.state.request_state import sandbox
from tests.sandbox.world import TOKEN, Reply, World

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
WRONG: dict[str, Any] = {  # for each kind of field, something that is none
    "text": {"a": 1},
    "prose": 7,
    "handle": "no spaces",
    "zone": "Mars/Olympus",
    "moment": "tomorrow",
    "whole": "many",
    "number": "much",
    "flag": "perhaps",
    "choice": "neither",
    "strings": [1],
    "json": "words",
    "forms": [1],
    "address": 7,
    "named": {},
    "ids": 7,
}
READERS = ("text", "prose", "handle", "whole", "number", "flag", "zone", "moment", "choice", "strings", "forms")


@cache
def rules() -> dict[str, tuple[str, str]]:
    """Return a method and a path for every view; the API's own where a member has one too."""
    world, found = World(), dict[str, tuple[str, str]]()
    for rule in document.described_rules(world.app):
        [method, *_] = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        found.setdefault(document.view_of(rule.endpoint), (method, document._VARIABLE.sub("1", rule.rule)))
    sandbox(world.app).store.close()
    return found


def send(world: World, method: str, path: str, body: Any = None, token: str = TOKEN, **query: str) -> Reply:
    """Send a request to a path that stands in the description."""
    sent = {} if body is None else {"json": body}
    head = {"Authorization": f"Bearer {token}"}
    with world.client.open(path, method=method, headers=head, query_string=query, **sent) as answer:
        return Reply(answer.status_code, answer.get_json(silent=True))


def read(world: World) -> Any:
    with world.client.get("/openapi.json") as answer:
        return json.loads(answer.data)


def test_every_route_of_the_api_is_described_and_no_other(world: World) -> None:
    described = document.described_rules(world.app)
    endpoints = {document.view_of(rule.endpoint) for rule in described}
    writing = {document.view_of(rule.endpoint) for rule in described if {"POST", "PUT"} & (rule.methods or set())}

    assert endpoints == set(ANSWERS)
    assert set(BODIES) <= writing
    assert sum(len(path) for path in read(world)["paths"].values()) == len(described)


def test_the_description_is_itself_in_order(world: World) -> None:
    described = read(world)
    operations = [one for path in described["paths"].values() for one in path.values()]
    ids = [one["operationId"] for one in operations]

    for name in described["components"]["schemas"]:
        root = {"$ref": f"#/components/schemas/{name}", "components": described["components"]}
        jsonschema_rs.Draft202012Validator(root)
    assert (described["openapi"], len(ids)) == ("3.1.0", len(set(ids)))
    assert [one for one in operations if not one["summary"].endswith(".")] == []


@pytest.mark.parametrize("endpoint", BODIES)
def test_fields_of_a_wrong_type_are_a_422_that_names_each(world: World, endpoint: str) -> None:
    method, path = rules()[endpoint]
    wrong = {name: WRONG[field.kind] for name, field in BODIES[endpoint].items() if field.kind != "any"}

    reply = send(world, method, path, wrong)

    assert (reply.status, {said.split(".")[0] for said in reply.fields}) == (422, set(wrong))


@pytest.mark.parametrize("endpoint", BODIES)
def test_what_is_required_is_named_when_it_is_missing(world: World, endpoint: str) -> None:
    method, path = rules()[endpoint]
    required = {name for name, field in BODIES[endpoint].items() if field.required and field.kind != "forms"}
    required -= {name for name, field in BODIES[endpoint].items() if field.kind == "strings"}

    reply = send(world, method, path, {})

    assert required <= set(reply.fields)


def test_an_unknown_field_is_ignored(world: World) -> None:
    assert world.post("/profiles", {"first_name": "Mia", "shoe_size": 43}).status == 201


def test_every_field_that_a_room_reads_is_described() -> None:
    described = set(names(BODIES.values()))
    folder = Path(document.__file__).parent
    own = {"control", "levers", "form", "fields", "machine"}  # what only a double has, and the readers themselves
    asked = {
        call.args[0].value
        for module in folder.glob("*.py")
        if module.stem not in own
        for call in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in READERS
        if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    }

    assert len(asked) > 30
    assert asked - described == set()


def names(tables: Any) -> Iterator[str]:
    fields: Fields
    for fields in tables:
        for name, field in fields.items():
            yield name
            yield from names([field.fields])


@pytest.mark.parametrize(
    ("switch", "value", "there", "gone"),
    [
        ("dialect", "guide", "/api/v3/benefit-definitions", "/api/v3/benefits/definitions"),
        ("dialect", "reference", "/api/v3/benefits/definitions", "/api/v3/benefit-definitions"),
        ("update_create", "off", "/api/v3/transactions", "/api/v3/transactions/update-create"),
    ],
)
def test_it_describes_the_paths_that_the_switches_leave(
    world: World, switch: str, value: str, there: str, gone: str
) -> None:
    world.switch(**{switch: value})

    paths = read(world)["paths"]

    assert (there in paths, gone in paths) == (True, False)


@pytest.mark.parametrize("switches", [{}, {"numbers": "strings", "create_status": "200", "identity_search": "list"}])
def test_what_is_answered_is_what_is_described(demo: World, switches: dict[str, str]) -> None:
    demo.switch(**switches)
    demo.post("/locations", {"name": "Collins Street"})
    demo.post("/webhooks", {"trigger": "benefit.created", "url": "http://127.0.0.1:1/", "namespace": "shop"})
    demo.post("/auth/api-tokens", {"name": "shop", "scopes": ["*"]})
    described = read(demo)

    asked = list(answered(demo, described))

    assert [found for found in asked if found[1:] != (200, [])] == []
    assert len(asked) > 50


def answered(world: World, described: Any) -> Iterator[tuple[str, int, list[str]]]:
    """Ask for every path of the description with the examples of its parameters, and yield what is wrong."""
    member = send(world, "POST", "/id/api/v1/auth/token", {"id": demo_data.profile_id("1001")}).data["token"]
    for path, operations in described["paths"].items():
        if "get" not in operations:
            continue
        filled, query = path, dict[str, str]()
        for one in operations["get"]["parameters"]:
            example = EXAMPLES.get((path, one["name"]), one["schema"].get("examples", [""])[0])
            filled = filled.replace(f"{{{one['name']}}}", example)
            query |= {one["name"]: example} if one["in"] == "query" and example else {}
        reply = send(world, "GET", filled, token=member if path.startswith("/id/") else TOKEN, **query)
        schema = operations["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        validator = jsonschema_rs.Draft202012Validator({**schema, "components": described["components"]})
        yield path, reply.status, [str(error.message) for error in validator.iter_errors(reply.json)]


EXAMPLES = {
    ("/api/v3/benefit-definitions/handle/{handle}", "handle"): "first-spend",
    ("/api/v3/benefits/definitions/handle/{handle}", "handle"): "first-spend",
    ("/api/v3/transactions/external/{external_id}", "external_id"): "100007",
    ("/api/v3/profiles/{profile_id}/redemptions/{redemption_id}", "redemption_id"): "7",
    ("/id/api/v1/profiles/me/redemptions/{redemption_id}", "redemption_id"): "7",
}


def test_schemathesis_finds_nothing_that_breaks_it_or_that_it_does_not_describe(demo: World) -> None:
    schema = schemathesis.openapi.from_wsgi("/openapi.json", demo.app)
    few = settings(
        max_examples=3,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    counted = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @few
            @given(case=operation.as_strategy(generation_mode=mode))
            def holds(case: Any) -> None:
                case.call_and_validate(checks=CHECKS, headers={"Authorization": f"Bearer {TOKEN}"})

            holds()
            counted += 1

    assert counted == 2 * sum(len(path) for path in read(demo)["paths"].values())
