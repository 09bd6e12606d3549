"""The region "Loyalty record" of an order page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from claimable_benefits.domain.states import DeliveryState, UseState
from claimable_benefits.service.orders.record import OrderRecord
from tests.web.conftest import Browser
from tests.web.page_data import NOW, PageData
from tests.web.reading import Element, region


def record_of(mia: Browser, number: str = "1001") -> Element:
    return region(mia.read(f"/orders/{number}"), "Loyalty record")


def facts(mia: Browser, number: str = "1001") -> dict[str, str]:
    pairs = record_of(mia, number).one("dl").all("div")
    return {pair.one("dt").text: pair.one("dd").text for pair in pairs}


def test_a_delivered_order_shows_everything(mia: Browser) -> None:
    assert facts(mia) == {
        "Benefit": "Free Shipping used",
        "Redemption": "159",
        "Delivered": "Recorded with the loyalty programme on 15 June 2025 at 12:00 pm",
        "Transaction": "88421",
    }


def test_what_to_do_with_a_used_benefit_is_on_the_order(mia: Browser) -> None:
    shown = record_of(mia)

    assert shown.one("code").text == "SHIP-FREE"
    assert "Nothing else to do: we have taken it off." in shown.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"delivery_state": DeliveryState.DUE, "delivered_at": None}, "Waiting to be sent"),
        ({"delivery_state": DeliveryState.DELIVERING, "delivered_at": None}, "Waiting to be sent"),
        (
            {"delivery_state": DeliveryState.STOPPED, "problem": "total <b>is wrong</b>.", "delivered_at": None},
            "Stopped: total is wrong.",
        ),
        ({"delivery_state": DeliveryState.STOPPED, "delivered_at": None}, "Stopped: somebody has to look at it."),
        ({"delivery_state": None, "delivered_at": None}, "Not sent: the order is not complete"),
        ({"is_void": True}, "Recorded as cancelled with the loyalty programme on 15 June 2025 at 12:00 pm"),
    ],
)
def test_every_state_of_the_delivery_has_a_sentence(
    data: PageData, mia: Browser, changes: dict[str, object], words: str
) -> None:
    data.records["1001"] = replace(data.records["1001"], **changes)  # type: ignore[arg-type] # fields by name

    assert facts(mia)["Delivered"] == words


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (UseState.ROLLED_BACK, "Free Shipping given back"),
        (UseState.ROLLING_BACK, "Free Shipping being given back"),
        (UseState.IN_DOUBT, "Free Shipping being confirmed"),
        (UseState.MANUAL_REVIEW, "Free Shipping being looked into"),
    ],
)
def test_every_state_of_the_use_has_words_and_only_a_used_one_shows_its_code(
    data: PageData, mia: Browser, state: UseState, words: str
) -> None:
    data.records["1001"] = replace(data.records["1001"], use_state=state)

    assert facts(mia)["Benefit"] == words
    assert "SHIP-FREE" not in record_of(mia).text


def test_a_redemption_in_doubt_is_being_confirmed(data: PageData, mia: Browser) -> None:
    data.records["1001"] = replace(data.records["1001"], use_state=UseState.IN_DOUBT, redemption_id=None)

    assert facts(mia)["Redemption"] == "Being confirmed"


def test_an_order_without_a_benefit_has_a_record_too(data: PageData, mia: Browser) -> None:
    data.records["7"] = OrderRecord("7", delivery_state=DeliveryState.DELIVERED, delivered_at=NOW, transaction_id="9")

    assert facts(mia, "7") == {
        "Benefit": "None used",
        "Redemption": "None",
        "Delivered": "Recorded with the loyalty programme on 15 June 2025 at 12:00 pm",
        "Transaction": "9",
    }


def test_every_use_state_has_words(data: PageData, mia: Browser) -> None:
    for state in UseState:
        data.records["1001"] = replace(data.records["1001"], use_state=state)

        assert facts(mia)["Benefit"] != "Free Shipping"


def test_an_order_the_programme_does_not_know_says_so(mia: Browser) -> None:
    assert record_of(mia, "404").text == "Loyalty record The loyalty programme has no record of this order."


def test_the_record_never_breaks_an_order_page(data: PageData, mia: Browser) -> None:
    data.fails("read_record", RuntimeError("the database is away"))

    assert record_of(mia).text == "Loyalty record The loyalty record of this order cannot be shown right now."
