"""The payment provider: money moves once, and the first call decides."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from example_shop.payments import cards
from example_shop.payments.provider import create_provider, provider_of

RETURN_URL = "http://shop.test/back"


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Flask]:
    """A provider whose late answers take two minutes, unless it closes."""
    app = create_provider(tmp_path, late_seconds=120)
    yield app
    provider_of(app).close()


@pytest.fixture
def client(provider: Flask) -> FlaskClient:
    """Calls it without a socket."""
    return provider.test_client()


def wish(card: str = cards.APPROVED, reference: str = "FT-1", **more: Any) -> dict[str, Any]:
    """What a shop sends."""
    return {"amount": 1000, "currency": "AUD", "card": card, "reference": reference, "return_url": RETURN_URL} | more


def authorised(client: FlaskClient, card: str = cards.APPROVED) -> str:
    """The id of a new payment."""
    return str(client.post("/payments", json=wish(card)).get_json()["id"])


@pytest.mark.parametrize(
    ("card", "status"),
    [
        (cards.APPROVED, "approved"),
        (cards.DECLINED, "declined"),
        (cards.REDIRECT, "redirect"),
        (cards.CAPTURE_DECLINED, "approved"),
        (cards.LATE_CAPTURE, "approved"),
    ],
)
def test_each_card_gets_its_answer(client: FlaskClient, card: str, status: str) -> None:
    answer = client.post("/payments", json=wish(card))

    assert (201, status) == (answer.status_code, answer.get_json()["status"])
    assert card[-4:] == answer.get_json()["card"]


def test_a_reference_reserves_money_once(client: FlaskClient) -> None:
    first, second = (client.post("/payments", json=wish(amount=amount)).get_json() for amount in (1000, 9999))

    assert first == second
    assert [first] == client.get("/payments?reference=FT-1").get_json()["data"]


@pytest.mark.parametrize(
    ("verbs", "codes", "status"),
    [
        (("capture", "capture"), [200, 200], "captured"),
        (("void", "void"), [200, 200], "voided"),
        (("capture", "void"), [200, 409], "captured"),
        (("void", "capture"), [200, 409], "voided"),
    ],
)
def test_verbs_may_be_repeated_and_never_contradict_each_other(
    client: FlaskClient, verbs: tuple[str, ...], codes: list[int], status: str
) -> None:
    payment = authorised(client)
    answers = [client.post(f"/payments/{payment}/{verb}").status_code for verb in verbs]

    assert codes == answers
    assert status == client.get(f"/payments/{payment}").get_json()["status"]


def refund(client: FlaskClient, payment: str, amount: Any, reference: str = "r1") -> int:
    """What the provider answers to a refund."""
    return client.post(f"/payments/{payment}/refunds", json={"amount": amount, "reference": reference}).status_code


def captured(client: FlaskClient, card: str = cards.APPROVED) -> str:
    """The id of a payment whose money has moved."""
    payment = authorised(client, card)
    client.post(f"/payments/{payment}/capture")
    return payment


def test_a_payment_is_refunded_in_parts_once_for_each_reference_and_never_more_than_was_paid(
    client: FlaskClient,
) -> None:
    payment = captured(client)
    codes = [
        refund(client, payment, amount, reference)
        for amount, reference in ((300, "r1"), (300, "r1"), (701, "r2"), (400, "r1"), (700, "r2"), (700, "r2"))
    ]
    after = client.get(f"/payments/{payment}").get_json()

    assert codes == [201, 200, 409, 409, 201, 200]
    assert (after["status"], after["refunded"]) == ("refunded", 1000)
    assert client.get("/refunds/r1").get_json() == {"reference": "r1", "payment_id": payment, "amount": 300}
    assert client.get("/refunds/r3").status_code == 404


def test_an_uncaptured_payment_is_not_refunded(client: FlaskClient) -> None:
    payment = authorised(client)

    assert refund(client, payment, 100) == 409
    assert [refund(client, payment, amount) for amount in (0, -1, True, "5", None)] == [422] * 5
    assert refund(client, payment, 100, "") == 422


def test_a_reference_cannot_serve_two_payments(client: FlaskClient) -> None:
    payment = captured(client)
    other = client.post("/sales", json=wish(reference="FT-2")).get_json()["id"]

    assert [refund(client, payment, 100), refund(client, other, 100)] == [201, 409]


def test_a_bank_may_refuse_a_refund(client: FlaskClient) -> None:
    assert refund(client, captured(client, cards.REFUND_DECLINED), 100) == 402


@pytest.mark.parametrize(
    ("card", "status"),
    [
        (cards.APPROVED, "captured"),
        (cards.DECLINED, "declined"),
        (cards.CAPTURE_DECLINED, "declined"),
        (cards.REDIRECT, "redirect"),
    ],
)
def test_a_sale_is_both_steps_in_one(client: FlaskClient, card: str, status: str) -> None:
    assert status == client.post("/sales", json=wish(card)).get_json()["status"]


@pytest.mark.parametrize(
    ("card", "answer", "status"),
    [
        (cards.REDIRECT, "approve", "captured"),
        (cards.REDIRECT, "decline", "declined"),
        (cards.REDIRECT_THEN_DECLINED, "approve", "declined"),
    ],
)
def test_a_sale_that_asks_is_captured_when_it_is_approved(
    client: FlaskClient, card: str, answer: str, status: str
) -> None:
    payment = client.post("/sales", json=wish(card)).get_json()["id"]
    client.post(f"/approve/{payment}", data={answer: "yes"})

    assert status == client.get(f"/payments/{payment}").get_json()["status"]


@pytest.mark.parametrize(
    ("call", "code", "status"),
    [("/payments", 200, "voided"), ("/sales", 409, "captured"), (None, 200, "voided")],
)
def test_a_closed_reference_stays_closed_for_what_comes_late(
    client: FlaskClient, call: str | None, code: int, status: str
) -> None:
    if call:
        client.post(call, json=wish())
    closed = client.post("/references/FT-1/void").status_code
    late = client.post("/sales", json=wish()).get_json()

    assert (closed, late["status"]) == (code, status)


def test_a_capture_that_the_bank_declines_leaves_the_money_reserved(client: FlaskClient) -> None:
    payment = authorised(client, cards.CAPTURE_DECLINED)
    answer = client.post(f"/payments/{payment}/capture")

    assert (answer.status_code, answer.get_json()["message"]) == (402, "Your bank declined the payment.")
    assert client.get(f"/payments/{payment}").get_json()["status"] == "approved"


def test_a_late_capture_has_happened_before_it_answers(provider: Flask, client: FlaskClient) -> None:
    payment = authorised(client, cards.LATE_CAPTURE)
    call = threading.Thread(target=lambda: provider.test_client().post(f"/payments/{payment}/capture"))
    call.start()
    deadline = time.monotonic() + 60
    while client.get(f"/payments/{payment}").get_json()["status"] != "captured":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    still_waiting = call.is_alive()
    provider_of(provider).close()
    call.join(60)

    assert still_waiting
    assert not call.is_alive()
    assert client.get(f"/payments/{payment}").get_json()["status"] == "captured"


@pytest.mark.parametrize(("answer", "status"), [("approve", "approved"), ("decline", "declined")])
def test_the_shopper_decides_once_and_goes_back_to_the_shop(client: FlaskClient, answer: str, status: str) -> None:
    payment = authorised(client, cards.REDIRECT)
    page = client.get(f"/approve/{payment}")
    back = client.post(f"/approve/{payment}", data={answer: "yes"})
    changed_mind = client.post(f"/approve/{payment}", data={"approve": "yes"})

    assert "Approve payment" in page.text
    assert "$10.00" in page.text
    assert [back.location, changed_mind.location] == [RETURN_URL] * 2
    assert status == client.get(f"/payments/{payment}").get_json()["status"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (None, "Send the payment as a JSON object."),
        (["a"], "Send the payment as a JSON object."),
        (wish(reference=""), "reference is missing."),
        (wish(amount=0), "amount is a whole number of cents above zero."),
        (wish(amount=True), "amount is a whole number of cents above zero."),
        (wish(amount="10"), "amount is a whole number of cents above zero."),
        (wish(return_url="javascript:alert(1)"), "return_url is a web address."),
    ],
)
def test_a_wish_that_cannot_be_read_is_explained(client: FlaskClient, body: Any, sentence: str) -> None:
    answer = client.post("/payments", json=body)

    assert (422, sentence) == (answer.status_code, answer.get_json()["message"])


def test_what_is_not_there_is_said(client: FlaskClient) -> None:
    codes = [client.get("/payments/pay_0").status_code, client.post("/payments/pay_0/capture").status_code]

    assert codes == [404, 404]
    assert client.get("/payments?reference=nobody").get_json()["data"] == []


@pytest.mark.parametrize("number", ["4242 4242 4242 4242".replace(" ", ""), *(card for card, _ in cards.TEST_CARDS)])
def test_test_cards_are_plausible(number: str) -> None:
    assert cards.is_plausible(number)


@pytest.mark.parametrize("number", ["", "4242", "4242424242424241", "x" * 16, "4" * 20, "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢"])
def test_typing_errors_are_not(number: str) -> None:
    assert not cards.is_plausible(number)
