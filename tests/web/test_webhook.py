"""Omneo's messages: signed or refused, small or refused, and believed in nothing."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from claimable_benefits.errors import LedgerUnavailable
from claimable_benefits.web.blueprint import make_blueprint
from claimable_benefits.web.webhook import webhook
from tests.web.page_data import PageData, make_shop

HERE = "/account/benefits/webhook"
SECRET = "a secret of the tenant"
BODY = b'{"profile_id": "p-1"}'


@pytest.fixture
def handled() -> list[tuple[str, bytes]]:
    return []


@pytest.fixture
def send_message(data: PageData, handled: list[tuple[str, bytes]]) -> Callable[..., TestResponse]:
    app = make_shop(data, {"OMNEO_WEBHOOK_SECRET": SECRET}, register=False)

    def handle(_: object, event: str, body: bytes) -> int:
        handled.append((event, body))
        return 1

    app.register_blueprint(make_blueprint(replace(data.services(), handle_webhook=handle)))
    client = app.test_client()

    def send(body: bytes = BODY, signature: str | None = None, **headers: str) -> TestResponse:
        signed = {"x-omneo-hmac-sha256": sign(body) if signature is None else signature}
        return client.post(HERE, data=body, headers={"x-omneo-event": "benefit.updated", **signed, **headers})

    return send


def sign(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def test_a_signed_message_is_handled(send_message: Callable[..., TestResponse], handled: list[Any]) -> None:
    answer = send_message()

    assert (answer.status_code, answer.data) == (204, b"")
    assert handled == [("benefit.updated", BODY)]
    assert answer.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    "signature",
    ["", "0" * 64, "x", "ü", sign(BODY, "another secret"), sign(BODY + b" "), sign(BODY)[:-1], f"sha256={sign(BODY)}"],
)
def test_any_other_signature_is_refused(
    send_message: Callable[..., TestResponse], handled: list[Any], signature: str
) -> None:
    assert send_message(signature=signature.encode().decode("latin-1")).status_code == 401
    assert handled == []


def test_a_message_that_is_sent_again_and_again_is_handled_once(
    send_message: Callable[..., TestResponse], handled: list[Any], data: PageData
) -> None:
    events = ["benefit.updated", "benefit.created", "", "x" * 50, "profile.updated"]
    answers = [send_message(**{"x-omneo-event": events[number % 5]}) for number in range(1000)]

    assert {answer.status_code for answer in answers} == {204}
    assert [event for event, _ in handled] == ["benefit.updated", "profile.updated"]

    data.now += timedelta(seconds=30)
    send_message()

    assert len(handled) == 3  # something may have changed once more


def test_other_messages_are_handled_meanwhile(send_message: Callable[..., TestResponse], handled: list[Any]) -> None:
    for number in range(1500):
        send_message(b'{"profile_id": %d}' % number)

    assert len(handled) == 1500


def test_a_message_that_could_not_be_handled_is_taken_again(data: PageData) -> None:
    attempts: list[bytes] = []
    app = make_shop(data, {"OMNEO_WEBHOOK_SECRET": SECRET}, register=False)

    def handle(_: object, _event: str, body: bytes) -> int:
        attempts.append(body)
        if len(attempts) == 1:
            raise LedgerUnavailable("down")
        return 1

    app.register_blueprint(make_blueprint(replace(data.services(), handle_webhook=handle)))
    signed = {"x-omneo-hmac-sha256": sign(BODY)}
    statuses = [app.test_client().post(HERE, data=BODY, headers=signed).status_code for _ in range(3)]

    assert statuses == [503, 204, 204]
    assert len(attempts) == 2


def test_a_message_without_a_signature_is_refused(data: PageData, handled: list[Any]) -> None:
    app = make_shop(data, {"OMNEO_WEBHOOK_SECRET": SECRET})

    assert app.test_client().post(HERE, data=BODY).status_code == 401


def test_a_message_that_is_too_large_is_not_even_read(
    send_message: Callable[..., TestResponse], handled: list[Any]
) -> None:
    assert send_message(b"x" * (512 * 1024 + 1)).status_code == 413
    assert handled == []


def test_a_message_without_a_length_is_refused(data: PageData) -> None:
    app = make_shop(data, {"OMNEO_WEBHOOK_SECRET": SECRET})
    environ = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    answer = app.test_client().post(HERE, headers={"Transfer-Encoding": "chunked"}, environ_overrides=environ)

    assert answer.status_code in (401, 413)


def test_without_a_secret_there_is_no_such_address(shop: Flask) -> None:
    answer = shop.test_client().post(HERE, data=BODY, headers={"x-omneo-hmac-sha256": sign(BODY, "")})

    assert answer.status_code == 404


def test_a_hosts_csrf_protection_exempts_the_webhook(data: PageData) -> None:
    exempted: list[object] = []
    app = make_shop(data, register=False)
    app.extensions["csrf"] = SimpleNamespace(exempt=exempted.append)
    app.register_blueprint(make_blueprint(data.services()))

    assert exempted == [webhook]
