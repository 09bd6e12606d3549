"""The payment client: each kind of answer, and each kind of missing answer, means one thing."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import requests
import responses
from urllib3.exceptions import MaxRetryError, NewConnectionError

from example_shop.payments.client import (
    Payment,
    PaymentClient,
    PaymentDeclined,
    PaymentProblem,
    PaymentUnknown,
    PaymentUnreachable,
    Status,
)

URL = "http://pay.test"
APPROVED = {"id": "pay_1", "reference": "FT-1", "amount": 12905, "currency": "AUD", "status": "approved"}
WRITES: dict[str, Callable[[PaymentClient], Payment | None]] = {
    "": lambda client: client.authorise(Decimal("129.05"), "AUD", "4242", "FT-1", "http://shop.test/back"),
    "/pay_1/capture": lambda client: client.capture("pay_1"),
    "/pay_1/void": lambda client: client.void("pay_1"),
    "/pay_1/refunds": lambda client: client.refund("pay_1", Decimal("10.00"), "r1"),
}


@responses.activate
def test_an_approved_card_gives_a_payment_in_dollars() -> None:
    call = responses.post(f"{URL}/payments", json=APPROVED, status=201)
    payment = PaymentClient(URL + "/").authorise(Decimal("129.05"), "AUD", "4242", "FT-1", "http://shop.test/back")

    assert Payment("pay_1", "FT-1", Decimal("129.05"), "AUD", Status.APPROVED) == payment
    sent = json.loads(call.calls[0].request.body or "")
    expected = {"amount": 12905, "currency": "AUD", "card": "4242", "reference": "FT-1"}
    assert expected | {"return_url": "http://shop.test/back"} == sent


@responses.activate
def test_a_redirect_brings_the_page_to_approve_on() -> None:
    answer = APPROVED | {"status": "redirect", "approval_url": "http://pay.test/approve/pay_1"}
    responses.post(f"{URL}/payments", json=answer)
    payment = PaymentClient(URL).authorise(Decimal("129.05"), "AUD", "4242", "FT-1", "http://shop.test/back")

    assert (payment.status, payment.approval_url) == (Status.REDIRECT, "http://pay.test/approve/pay_1")


@responses.activate
def test_a_declined_card_raises_a_sentence() -> None:
    responses.post(f"{URL}/payments", json=APPROVED | {"status": "declined"})

    with pytest.raises(PaymentDeclined, match=r"^Your card was declined\.$"):
        WRITES[""](PaymentClient(URL))


@responses.activate
@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        ({"json": {"message": "Your bank declined."}, "status": 402}, PaymentDeclined),
        ({"json": {"message": "It is voided."}, "status": 409}, PaymentDeclined),
        ({"json": {"message": "We are broken."}, "status": 500}, PaymentUnknown),
        ({"body": "<h1>Bad gateway</h1>", "status": 502}, PaymentUnknown),
        ({"body": "", "status": 200}, PaymentUnknown),
        ({"json": {"id": "pay_1"}, "status": 200}, PaymentUnknown),
        ({"json": ["pay_1"], "status": 200}, PaymentUnknown),
        ({"body": requests.ReadTimeout("slow")}, PaymentUnknown),
        ({"body": requests.ConnectionError("reset after sending")}, PaymentUnknown),
        ({"body": requests.ConnectTimeout("refused")}, PaymentUnreachable),
    ],
)
def test_each_answer_to_a_write_means_one_thing(path: str, answer: Any, meaning: type[PaymentProblem]) -> None:
    responses.post(f"{URL}/payments{path}", **answer)

    with pytest.raises(PaymentProblem) as raised:
        WRITES[path](PaymentClient(URL))

    assert meaning is raised.type


@responses.activate
def test_an_unknown_status_leaves_the_payment_unknown() -> None:
    responses.post(f"{URL}/payments/pay_1/capture", json=APPROVED | {"status": "levitating"})

    with pytest.raises(PaymentUnknown):
        PaymentClient(URL).capture("pay_1")


@responses.activate
def test_a_refund_says_how_much_and_which() -> None:
    call = responses.post(f"{URL}/payments/pay_1/refunds", json={"reference": "r1", "amount": 1290}, status=201)
    PaymentClient(URL).refund("pay_1", Decimal("12.90"), "r1")

    assert json.loads(call.calls[0].request.body or "") == {"amount": 1290, "reference": "r1"}


@responses.activate
def test_a_sale_and_a_closed_reference_are_payments_too() -> None:
    responses.post(f"{URL}/sales", json=APPROVED | {"status": "captured"}, status=201)
    responses.post(f"{URL}/references/FT-1/void", json=APPROVED | {"status": "voided"})
    client = PaymentClient(URL)
    sold = client.sell(Decimal("129.05"), "AUD", "4242", "FT-1", "http://shop.test/back")

    assert (sold.status, client.close("FT-1").status) == (Status.CAPTURED, Status.VOIDED)


@responses.activate
def test_a_refused_connection_was_never_sent() -> None:
    refused = NewConnectionError(None, "refused")  # type: ignore[arg-type]  # the pool is not looked at
    responses.post(f"{URL}/payments", body=requests.ConnectionError(MaxRetryError(None, URL, refused)))  # type: ignore[arg-type]  # likewise

    with pytest.raises(PaymentUnreachable):
        WRITES[""](PaymentClient(URL))


@responses.activate
def test_a_payment_is_found_by_id_and_by_reference() -> None:
    responses.get(f"{URL}/payments/pay_1", json=APPROVED)
    responses.get(f"{URL}/payments", json={"data": [APPROVED]})
    client = PaymentClient(URL)

    assert getattr(client.find("pay_1"), "id", None) == "pay_1"
    assert client.find("pay_1") == client.find_by_reference("FT-1")


@responses.activate
def test_a_payment_that_is_not_there_is_none() -> None:
    responses.get(f"{URL}/payments/pay_2", json={"message": "no"}, status=404)
    responses.get(f"{URL}/payments", json={"data": []})
    client = PaymentClient(URL)

    assert (client.find("pay_2"), client.find_by_reference("FT-2")) == (None, None)


@responses.activate
@pytest.mark.parametrize(
    "answer", [{"status": 500}, {"body": "not json"}, {"body": requests.ReadTimeout()}, {"json": {"id": "pay_1"}}]
)
def test_a_read_that_fails_may_be_retried(answer: Any) -> None:
    responses.get(f"{URL}/payments/pay_1", **answer)

    with pytest.raises(PaymentUnreachable):
        PaymentClient(URL).find("pay_1")
