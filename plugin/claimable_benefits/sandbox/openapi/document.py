"""The sandbox described in OpenAPI 3.1, as it answers under the switches set now; requests are checked against it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from werkzeug.routing import Rule

from claimable_benefits.sandbox.access.omneo_id import ID_PREFIX
from claimable_benefits.sandbox.openapi import parameters
from claimable_benefits.sandbox.openapi.described import ANSWERS, DescribedAnswer
from claimable_benefits.sandbox.openapi.request_bodies import BODIES
from claimable_benefits.sandbox.openapi.schemas import Schema, many, ref, thing
from claimable_benefits.sandbox.openapi.shapes import SHAPES
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body
from claimable_benefits.sandbox.protocol.dialects import PREFIX, answers
from claimable_benefits.sandbox.protocol.field_specs import check, schema_of
from claimable_benefits.sandbox.protocol.responses import respond
from claimable_benefits.sandbox.state.request_state import request_state

bp = Blueprint("openapi", __name__)

Switches = Mapping[str, str]
_PREFIXES = (PREFIX, ID_PREFIX)
_VARIABLE = re.compile(r"<(?:(\w+)(?:\(([^)]*)\))?:)?(\w+)>")
_REFUSALS = {
    "400": ("The request cannot be read: JSON that is none, or a filter that is not there.", "Error"),
    "401": ("No token, or one that is not valid.", "Error"),
    "403": ("The token lacks the scope that this asks for.", "Error"),
    "404": ("There is no such thing, or none of this profile.", "Error"),
    "413": ("The body is larger than a mebibyte.", "Error"),
    "422": ("Fields at fault, by name, each with what is wrong; or a rule that says no.", "ValidationError"),
}
_AS_THEY_ARE = ("Meta", "Token")  # their numbers are JSON's whatever the switch ``numbers`` says
_NO = "A rule says no; the fields it is about, each with what is wrong."
_ABOUT = """A double of the Omneo loyalty API for development and tests; it holds invented people only.

It describes itself under the switches set now (`GET /_sandbox/switches`): paths that the dialect hides are left out.
Unknown fields of a body are ignored. Times are sent as wall clock in `timezone`, and answered in UTC.
A list is narrowed by `filter[field]=value` or `filter[field][operator]=value`, where the operator is one of
eq, ne, gt, gte, lt, lte, in and nullable."""


@bp.get("/openapi.json")
def openapi() -> Response:
    """Describe the API."""
    return respond(describe(current_app, request_state().switches))


def check_body() -> None:
    """Refuse a body whose fields are missing or of the wrong type, before a room reads it."""
    fields = BODIES.get(view_of(request.endpoint or ""))
    if fields is not None:
        form = RequestForm(body())
        check(form, fields)
        form.check()


def described_rules(app: Flask) -> list[Rule]:
    """Return the routes of the API, and none of those that only a double has."""
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(_PREFIXES)]
    return sorted(rules, key=lambda rule: (rule.rule, sorted(rule.methods or ())))


def describe(app: Flask, switches: Switches) -> Schema:
    """Return the OpenAPI document of an app under the given switches."""
    paths: dict[str, Schema] = {}
    for rule in described_rules(app):
        if not answers(rule.rule, switches):
            continue
        path = paths.setdefault(_path(rule), {})
        for method in sorted(rule.methods or ()):
            if method not in ("HEAD", "OPTIONS"):
                path[method.lower()] = _operation(app, rule, method, switches)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Omneo sandbox", "version": "3", "description": _ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": _spelled(SHAPES, switches),
            "responses": dict(_refusals(switches)),
        },
    }


def view_of(endpoint: str) -> str:
    """Return the name of the view behind an endpoint: a member's paths are served by the API's views."""
    return endpoint.removeprefix("id.")


def _path(rule: Rule) -> str:
    """Return a route as OpenAPI writes it; a place that takes one word only is that word."""
    return _VARIABLE.sub(lambda found: found[2] if found[1] == "any" else f"{{{found[3]}}}", rule.rule)


def _operation(app: Flask, rule: Rule, method: str, switches: Switches) -> Schema:
    name = view_of(rule.endpoint)
    known, fields, room = ANSWERS[name], BODIES.get(name), name.partition(".")[0]
    path = _path(rule)
    operation: Schema = {
        "operationId": f"{method.lower()}{re.sub('[^A-Za-z0-9]+', '_', path)}",
        "summary": (app.view_functions[rule.endpoint].__doc__ or name).splitlines()[0],
        "tags": [room],
        "parameters": parameters.of(re.findall(r"{(\w+)}", path), known),
        "responses": dict(_responses(path, known, fields is not None, switches)),
    }
    if fields is not None:
        schema = schema_of(fields)
        operation["requestBody"] = {"required": "required" in schema, "content": _json(schema)}
    return operation


def _responses(path: str, known: DescribedAnswer, takes_body: bool, switches: Switches) -> Iterator[tuple[str, Schema]]:
    for code in _successes(known, switches):
        carried = {} if known.how == "gone" else {"content": _json(_carried(known, switches))}
        yield code, {"description": "Gone." if known.how == "gone" else "Done.", **carried}
    refused = ["401", "403"]
    if takes_body:
        refused += ["400", "413"]
    if takes_body or known.refuses or known.how == "page":
        refused += ["422"]
    if takes_body or known.refuses:
        refused += [switches["refusal_status"]]
    if takes_body or known.refuses or "{" in path or "/me" in path:
        refused += ["404"]
    for code in sorted(set(refused)):
        yield code, {"$ref": f"#/components/responses/{code}"}


def _refusals(switches: Switches) -> Iterator[tuple[str, Schema]]:
    """Yield the answers that say no; a rule's may have the status of another one (switch ``refusal_status``)."""
    rule = switches["refusal_status"]
    for code, (said, shape) in {rule: (_NO, "ValidationError"), **_REFUSALS}.items():
        either = {"anyOf": [ref(shape), ref("ValidationError")]}
        yield code, {"description": said, "content": _json(either if code == rule else ref(shape))}


def _successes(known: DescribedAnswer, switches: Switches) -> list[str]:
    made = switches["create_status"]
    return {"gone": ["204"], "created": [made], "upsert": sorted({"200", made})}.get(known.how, ["200"])


def _carried(known: DescribedAnswer, switches: Switches) -> Schema:
    """Return the schema of an answer's body, envelope and all."""
    shape = _identity_search(switches) if known.shape == "identity_search" else known.shape
    if known.how == "page":
        return thing(data=_spelled(many(shape), switches), links=ref("Links"), meta=ref("Meta"))
    if known.how == "bare":
        return shape
    carried: Schema = _spelled(thing(data=shape), switches)
    return carried


def _identity_search(switches: Switches) -> Schema:
    word = {"type": "string"}
    shapes = {
        "profile_id": thing(profile_id=word),
        "id": thing(id=word),
        "profile": thing(profile=thing(id=word)),
        "list": many(thing(profile_id=word)),
    }
    return shapes[switches["identity_search"]]


def _spelled(schema: Any, switches: Switches) -> Any:
    """Return a schema with its numbers as the switch ``numbers`` has them in answers."""
    if switches["numbers"] == "json":
        return schema
    if isinstance(schema, list):
        return [_spelled(part, switches) for part in schema]
    if isinstance(schema, dict):
        return {name: part if name in _AS_THEY_ARE else _spelled(part, switches) for name, part in schema.items()}
    return "string" if schema in ("integer", "number") else schema


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}
