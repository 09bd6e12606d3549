"""The OpenAPI 3.1 document of the API and its control API: ``openapi.yaml``, changed as the switches change the API."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from flask import Blueprint, Flask, Response, current_app
from werkzeug.routing import Rule

from claimable_benefits.sandbox.access.omneo_id import ID_PREFIX
from claimable_benefits.sandbox.protocol.dialects import PREFIX, answers
from claimable_benefits.sandbox.protocol.responses import respond
from claimable_benefits.sandbox.state.request_state import request_state

try:
    import yaml
except ModuleNotFoundError:  # `check` raises it with the remedy
    yaml = None

CONTROL_PREFIX = "/_sandbox"
bp = Blueprint("openapi", __name__)

Document = dict[str, Any]
_VARIABLE = re.compile(r"<(?:(\w+)(?:\(([^)]*)\))?:)?(\w+)>")
# The switch ``numbers`` turns numbers of answers into strings: neither these, nor those of the sandbox's own API, nor
# the fields of requests.
_PLAIN_NUMBERS = ("IdToken", "Meta", "Token", "Verified")
_CONTROL_NUMBERS = ("Fault", "LoggedCall", "Faults", "FaultSeed", "Calls", "Flushed")
_REQUEST = "Request"
_SHARED = "x-"  # parts of the file that other parts repeat


def check() -> None:
    """Raise ImportError with the remedy when the YAML library is not installed."""
    if yaml is None:
        raise ImportError("The sandbox needs a YAML library: install flask-claimable-benefits[sandbox].")


@bp.get("/openapi.json")
def openapi() -> Response:
    """Describe the API."""
    return respond(describe(current_app, request_state().switches))


def describe(app: Flask, switches: Mapping[str, str]) -> Document:
    """Return the OpenAPI document of an app under the given switches."""
    document: Document = json.loads(_load())
    _hide_paths(document, app, switches)
    _set_refusal_status(document, switches["refusal_status"])
    _set_create_status(document, switches["create_status"])
    if "/api/v3/identities/search" in document["paths"]:
        answer = _response(f"IdentitySearch_{switches['identity_search']}")
        document["paths"]["/api/v3/identities/search"]["get"]["responses"]["200"] = answer
    if switches["definition_ids"] == "numbers":
        document["components"]["schemas"]["BenefitDefinition"]["properties"]["id"] = {"type": "integer"}
    if switches["numbers"] == "strings":
        _write_numbers_as_strings(document["components"])
    return document


def api_rules(app: Flask) -> list[Rule]:
    """Return the routes of the API and of Omneo ID, without the sandbox's own."""
    return [rule for rule in app.url_map.iter_rules() if rule.rule.startswith((PREFIX, ID_PREFIX))]


def described_rules(app: Flask) -> list[Rule]:
    """Return the routes that the document describes: Omneo's, and the control API."""
    return [rule for rule in app.url_map.iter_rules() if rule.rule.startswith((PREFIX, ID_PREFIX, CONTROL_PREFIX))]


def path_of(rule: Rule) -> str:
    """Return a route as OpenAPI writes it; a variable that takes one word only is that word."""
    return _VARIABLE.sub(lambda found: found[2] if found[1] == "any" else f"{{{found[3]}}}", rule.rule)


@cache
def _load() -> str:
    """Return the file's document as JSON, so that each reader gets values of its own."""
    text = files(__package__).joinpath("openapi.yaml").read_text(encoding="utf-8")
    read = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return json.dumps({name: part for name, part in read.items() if not name.startswith(_SHARED)})


def _hide_paths(document: Document, app: Flask, switches: Mapping[str, str]) -> None:
    for rule in api_rules(app):
        if not answers(rule.rule, switches):
            document["paths"].pop(path_of(rule), None)


def _set_refusal_status(document: Document, status: str) -> None:
    """Move the refusals of business rules to another status; 422 stays for fields of a wrong type."""
    if status == "422":
        return
    for operation in _operations(document):
        if operation["responses"].get("422") == _response("Refused"):
            operation["responses"] |= {"422": _response("InvalidFields"), status: _response("Refused")}
    if status in ("400", "403"):  # which have other reasons too, without fields
        content = document["components"]["responses"]["Refused"]["content"]["application/json"]
        content["schema"] = {"anyOf": [content["schema"], {"$ref": "#/components/schemas/Error"}]}


def _set_create_status(document: Document, status: str) -> None:
    for operation in _operations(document):
        if "201" in operation["responses"]:
            operation["responses"][status] = operation["responses"].pop("201")


def _write_numbers_as_strings(components: Document) -> None:
    for kind in ("schemas", "responses"):
        for name, schema in components[kind].items():
            if name not in (*_PLAIN_NUMBERS, *_CONTROL_NUMBERS) and not name.endswith(_REQUEST):
                components[kind][name] = _as_strings(schema)


def _as_strings(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_as_strings(part) for part in schema]
    if isinstance(schema, dict):
        return {name: _as_strings(part) for name, part in schema.items()}
    return "string" if schema in ("integer", "number") else schema


def _operations(document: Document) -> Iterator[Document]:
    for path in document["paths"].values():
        for name, operation in path.items():
            if name != "parameters":
                yield operation


def _response(name: str) -> Document:
    return {"$ref": f"#/components/responses/{name}"}
