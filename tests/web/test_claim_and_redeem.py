"""What is used as it is claimed: an entry, a seat. One button, one press, one receipt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from claimable_benefits.domain.policy import Place, Policy
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import Declined, NotApplied, OutcomeUnknown
from claimable_benefits.service.account.history import Entry
from claimable_benefits.service.account.wallet_view import Wallet
from tests.web.conftest import Browser
from tests.web.demo import PRIZE_DRAW
from tests.web.page_data import AT_ONCE, NOW, PageData, held, use
from tests.web.reading import Element, forms, region
from tests.web.test_actions import flashes

HERE = "/account/benefits"
BUTTON = "Claim and use Prize Draw Entry now"
NOTE = "It is used as soon as you claim it, and cannot be kept for later."
PAGES = [HERE, f"{HERE}/claimable/prize-draw"]


def described(page: Element, label: str) -> str:
    """The sentence that a screen reader says with a button."""
    button = next(one for one in page.all("button") if one.text == label)
    return page.one("p", id=button.attributes["aria-describedby"]).text


@pytest.mark.parametrize("path", PAGES)
def test_the_button_says_that_it_cannot_be_kept(mia: Browser, path: str) -> None:
    page = mia.read(path)

    assert described(page, BUTTON) == NOTE
    assert "Claim Prize Draw Entry" not in forms(page)


@pytest.mark.parametrize("path", PAGES)
def test_it_is_not_said_to_be_good_for_a_while(mia: Browser, path: str) -> None:
    assert "Good for 1 day" not in mia.read(path).text


def test_another_benefit_has_no_such_note(mia: Browser) -> None:
    assert NOTE not in mia.read(f"{HERE}/claimable/free-shipping").text


@pytest.mark.parametrize("other", [Place.ACCOUNT, Place.CHECKOUT, Place.STORE])
def test_where_a_policy_names_other_places_too_there_is_one_button(data: PageData, mia: Browser, other: Place) -> None:
    data.policies["prize-draw"] = Policy("prize-draw", used_at=AT_ONCE | {other})

    assert [label for label in forms(mia.read()) if "Prize Draw" in label] == [BUTTON]


def test_in_doubt_the_receipt_says_that_it_is_being_confirmed(data: PageData, mia: Browser) -> None:
    unsure = use("u-1", held("b", PRIZE_DRAW).benefit, channel="claim", state=UseState.IN_DOUBT)
    data.uses["u-1"] = ("mia", unsure)
    data.fails("claim_and_redeem", Declined("not_confirmed", "We could not confirm it.", use_id="u-1"))
    answer = mia.press(BUTTON)
    receipt = mia.read(answer.location)

    assert answer.location == f"{HERE}/uses/u-1"
    assert receipt.one("p", role="status").text == "We are confirming this with the loyalty programme."
    assert "DRAW-LORNE" not in receipt.text
    assert flashes(receipt) == []


@pytest.mark.parametrize(
    ("error", "role", "words"),
    [
        (Declined("benefit_gone", "The draw is closed."), "alert", "The draw is closed."),
        (Declined("not_confirmed", "It is being claimed."), "alert", "It is being claimed."),
        (NotApplied("no connection"), "alert", "nothing was changed"),
        (OutcomeUnknown("timeout"), "status", "We are confirming this"),
    ],
)
def test_a_declined_one_says_why_on_the_list(
    data: PageData, mia: Browser, error: Exception, role: str, words: str
) -> None:
    data.fails("claim_and_redeem", error)
    answer = mia.press(BUTTON)
    [(shown_role, sentence)] = flashes(mia.read())

    assert (answer.status_code, answer.location) == (303, HERE)
    assert (shown_role, words in sentence) == (role, True)


def test_the_history_says_so_and_leads_to_the_receipt(data: PageData, mia: Browser) -> None:
    data.histories["mia"] = (Entry("Prize Draw Entry", NOW, "claim", use_id="u-1", redemption_id="7"),)
    history = region(mia.read(), "History")

    assert "Prize Draw Entry 15 June 2025 As you claimed it, Code and instructions" in history.text
    assert history.one("a", href=f"{HERE}/uses/u-1")


def test_one_that_is_held_after_all_is_used_from_the_account(data: PageData, mia: Browser) -> None:
    data.wallets["mia"] = Wallet(True, usable=(held("b-draw", PRIZE_DRAW, AT_ONCE),))

    assert list(forms(mia.read())) == ["Use Prize Draw Entry now"]


def test_two_of_one_name_have_buttons_and_notes_of_their_own(data: PageData, mia: Browser) -> None:
    twin = replace(PRIZE_DRAW, handle="twin")
    data.policies["twin"] = Policy("twin", used_at=AT_ONCE)
    data.wallets["mia"] = Wallet(True, claimable=(PRIZE_DRAW, twin))
    page = mia.read()
    ids = [button.attributes["aria-describedby"] for button in page.all("button")]

    assert list(forms(page)) == [BUTTON, "Claim and use Prize Draw Entry (2) now"]
    assert len(set(ids)) == 2
