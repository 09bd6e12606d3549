"""Texts, codes and ids that no database or page can take as they are: every page and every button still works."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient

from claimable_benefits import Cart, ClaimableBenefits, Line, Shopper
from claimable_benefits.sandbox import create_sandbox
from tests.web.reading import Element, read_page

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
POLICIES = """
[first-spend]
used_at = ["checkout", "account"]

[alterations]
used_at = ["checkout", "account"]

[prize-draw]
used_at = "claim"
"""
PAGES = ("/account/benefits", "/checkout")
ODD = {
    "NUL": "a\x00b",
    "control characters": "a\x07\x1b[2Jb\x9f",
    "half a surrogate pair": "a\ud800b",
    "over-long": "x" * 60_000,
    "HTML": "<script>alert(1)</script><ul><li>" * 30,
    "right to left": "\u202egnol\u2066",
    "another type": ["a", {"b": None}],
}
FIELDS = {
    "name": ("name",),
    "instructions": ("redeem_instructions_online", "redeem_instructions_store", "long_description"),
    "code": ("redeem_code_online", "redeem_code_pos"),
    "handle": ("handle",),
    "profile id": ("profile_id",),
    "id": ("id",),
}


@dataclass
class OddOmneo(httpx.BaseTransport):
    """The way to Omneo: reads come from a sandbox, writes are confirmed, and the fields ``names`` hold ``value``."""

    inner: httpx.BaseTransport
    names: tuple[str, ...]
    value: Any
    written: int = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            answer = self.inner.handle_request(request)
            answer.read()
            status, body = answer.status_code, answer.json()
        else:
            self.written += 1
            status, body = 201, {"data": {"id": 9000 + self.written, "type": "redeem"}}
        if "/identities" not in request.url.path:
            body = self._odd(body)
        content = json.dumps(body).encode()
        return httpx.Response(status, content=content, headers={"Content-Type": "application/json"})

    def _odd(self, value: Any) -> Any:
        if isinstance(value, list):
            # Records with an odd id cannot be used: only the last one has one.
            last = len(value) - 1
            return [one if "id" in self.names and at < last else self._odd(one) for at, one in enumerate(value)]
        if isinstance(value, dict):
            return {name: self.value if name in self.names else self._odd(item) for name, item in value.items()}
        return value


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    folder = tmp_path_factory.mktemp("omneo")
    return create_sandbox(data=folder / "omneo", token="token", seed="demo", clock=lambda: NOW)


@pytest.fixture
def open_shop(
    tmp_path: Path, ledger_url: str, sandbox: Flask
) -> Iterator[Callable[[httpx.BaseTransport], FlaskClient]]:
    opened: list[Flask] = []

    def open_one(omneo: httpx.BaseTransport) -> FlaskClient:
        benefits = ClaimableBenefits(clock=lambda: NOW, sleep=lambda _: None, transport=omneo)
        app = Flask("tests.web.odd", instance_path=str(tmp_path))
        (tmp_path / "policies.toml").write_text(POLICIES, encoding="utf-8")
        app.config.update(
            SECRET_KEY="a key for tests",
            TESTING=False,  # an exception must become a 500 here
            OMNEO_BASE_URL="http://127.0.0.1/api/v3",
            OMNEO_TOKEN="token",
            OMNEO_TIMEZONE="Australia/Melbourne",
            BENEFITS_DATABASE_URL=ledger_url,
            BENEFITS_POLICIES=str(tmp_path / "policies.toml"),
            BENEFITS_WORKER="off",
            BENEFITS_PAGE_BUDGET_MS=10_000,
        )
        lines = (Line("shirt", "Linen shirt", 1, Decimal("99.99")),)
        benefits.shopper_loader(lambda: Shopper("1001", "Mia Ngo", "Australia/Melbourne", "en_AU"))
        benefits.cart_loader(lambda: Cart("cart-1", lines, "AUD", Decimal("9.95")))
        benefits.init_app(app)
        app.add_url_rule("/checkout", view_func=lambda: render_template_string("{{ benefits_panel() }}"))
        opened.append(app)
        return app.test_client()

    yield open_one
    for app in opened:
        app.extensions["claimable_benefits"].close()


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("field", FIELDS)
def test_the_list_and_use_and_apply_and_claim_work_whatever_a_field_holds(
    open_shop: Callable[[httpx.BaseTransport], FlaskClient], sandbox: Flask, field: str, value: str
) -> None:
    omneo = OddOmneo(httpx.WSGITransport(app=sandbox), FIELDS[field], ODD[value])
    client = open_shop(omneo)
    pressed = []
    for page, verb in (("/account/benefits", "claim"), ("/account/benefits", "use"), ("/checkout", "apply")):
        shown = client.get(page)
        assert shown.status_code == 200, page
        for action, fields in list(buttons(read_page(shown.text), verb))[:2]:
            answer = client.post(action, data=fields)
            assert answer.status_code < 500, (action, answer.text)
            assert client.get(answer.location or page).status_code < 500, action
            pressed.append(verb)

    # Without a handle that can be stored, no policy says where a benefit is used.
    assert set(pressed) >= ({"claim"} if field == "handle" else {"claim", "use", "apply"})
    assert {client.get(page).status_code for page in PAGES} == {200}


def buttons(page: Element, verb: str) -> Iterator[tuple[str, dict[str, str]]]:
    for form in page.all("form"):
        action = form.attributes["action"]
        if verb in action:
            yield action, {item.attributes["name"]: item.attributes["value"] for item in form.all("input")}


@pytest.mark.parametrize("value", ODD)
def test_a_shopper_whose_profile_has_an_odd_id_gets_a_calm_page(
    open_shop: Callable[[httpx.BaseTransport], FlaskClient], value: str
) -> None:
    body = json.dumps({"data": {"profile_id": ODD[value]}}).encode()
    headers = {"Content-Type": "application/json"}
    client = open_shop(httpx.MockTransport(lambda _: httpx.Response(200, content=body, headers=headers)))

    assert [client.get(page).status_code for page in PAGES] == [503, 200]
