"""What the account page's buttons do."""

from __future__ import annotations

from uuid import UUID

import pytest

from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import ConflictError, Declined, NotApplied, OutcomeUnknown, Rejected
from claimable_benefits.service.account.wallet_view import Wallet
from claimable_benefits.service.claims.claim import Claimed
from tests.web.conftest import Browser
from tests.web.demo import LOUNGE
from tests.web.page_data import PageData, definition, held, use
from tests.web.reading import Element, forms, read_page

HERE = "/account/benefits"


def flashes(page: Element) -> list[tuple[str, str]]:
    shown = [item for item in page.all("p") if "cb-flash" in item.classes]
    return [(item.attributes["role"], item.text) for item in shown]


def test_both_clicks_on_one_button_carry_the_same_claim_id(data: PageData, mia: Browser) -> None:
    button = mia.form("Claim Free Shipping")
    mia.send(button)
    mia.send(button)

    claim_ids = [call[3] for call in data.calls]
    assert len(claim_ids) == 2
    assert len(set(claim_ids)) == 1
    assert str(UUID(claim_ids[0])) == claim_ids[0]


def test_a_reloaded_page_has_buttons_with_new_numbers(mia: Browser) -> None:
    assert mia.form("Claim Free Shipping").fields["cb_token"] != mia.form("Claim Free Shipping").fields["cb_token"]


def test_a_claim_of_what_is_held_already_says_so(data: PageData, mia: Browser) -> None:
    data.answers["claim"] = Claimed("Free Shipping", already=True, confirmed=True)
    mia.press("Claim Free Shipping")

    assert flashes(mia.read()) == [("status", "You already have Free Shipping. Nothing changed.")]


def test_a_claim_in_doubt_is_being_confirmed(data: PageData, mia: Browser) -> None:
    data.answers["claim"] = Claimed("Free Shipping", confirmed=False)
    mia.press("Claim Free Shipping")

    assert flashes(mia.read()) == [
        ("status", "We are confirming Free Shipping with the loyalty programme. Look again in a minute.")
    ]


@pytest.mark.parametrize(
    ("error", "role", "words"),
    [
        (Declined("not_claimable", "Free Shipping has gone."), "alert", "Free Shipping has gone."),
        (NotApplied("no connection"), "alert", "nothing was changed"),
        (Rejected("secret words of the server", status=422), "alert", "nothing was changed"),
        (OutcomeUnknown("timeout"), "status", "We are confirming this"),
        (ConflictError("someone else"), "alert", "at the same moment"),
    ],
)
def test_every_failure_becomes_a_sentence(
    data: PageData, mia: Browser, error: Exception, role: str, words: str
) -> None:
    data.fails("claim", error)
    answer = mia.press("Claim Free Shipping")
    [(shown_role, sentence)] = flashes(mia.read())

    assert (answer.status_code, answer.location) == (303, HERE)
    assert (shown_role, words in sentence, "secret" in sentence) == (role, True, False)


def test_another_shopper_in_the_same_browser_sees_no_flash_of_the_first(mia: Browser) -> None:
    mia.press("Claim Free Shipping")
    mia.client.get("/sign-in/new")

    assert flashes(mia.read()) == []


def test_a_use_in_doubt_leads_to_a_receipt_that_says_so(data: PageData, mia: Browser) -> None:
    data.answers["use"] = UseState.IN_DOUBT
    receipt = mia.read(mia.press("Use Lounge Visit now").location)

    assert receipt.one("p", role="status").text == "We are confirming this with the loyalty programme."
    assert "Show the code at the door." not in receipt.text
    assert [link.text for link in receipt.all("a") if link.classes == ["cb-button", "cb-button--quiet"]] == [
        "Look again"
    ]


def test_a_use_that_the_service_calls_unconfirmed_leads_to_its_receipt(data: PageData, mia: Browser) -> None:
    data.uses["u-1"] = ("mia", use("u-1", held("b", LOUNGE).benefit, state=UseState.IN_DOUBT))
    data.fails("use", Declined("not_confirmed", "We could not confirm it.", use_id="u-1"))
    answer = mia.press("Use Lounge Visit now")

    assert answer.location == f"{HERE}/uses/u-1"
    assert flashes(mia.read(answer.location)) == []


def test_a_declined_use_says_why(data: PageData, mia: Browser) -> None:
    data.fails("use", Declined("benefit_gone", "Lounge Visit was used in a store."))
    answer = mia.press("Use Lounge Visit now")

    assert answer.location == HERE
    assert flashes(mia.read()) == [("alert", "Lounge Visit was used in a store.")]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (UseState.REDEEMED, "Used on"),
        (UseState.CONSUMED, "Used on"),
        (UseState.REDEEMING, "We are confirming this"),
        (UseState.ROLLING_BACK, "being given back"),
        (UseState.ROLLED_BACK, "was given back"),
        (UseState.MANUAL_REVIEW, "Somebody is looking into this"),
        (UseState.REFUSED, "was not used"),
        (UseState.RELEASED, "was not used"),
        (UseState.HELD, "was not used"),
    ],
)
def test_every_state_of_a_use_has_a_receipt(data: PageData, mia: Browser, state: UseState, words: str) -> None:
    data.uses["u-1"] = ("mia", use("u-1", held("b", LOUNGE, code_online="CODE").benefit, state=state))
    page = mia.read(f"{HERE}/uses/u-1")

    assert words in page.one("p", role="status").text
    assert ("CODE" in page.text) == (words == "Used on")


def test_a_use_at_checkout_has_no_receipt_here(data: PageData, mia: Browser) -> None:
    data.uses["u-1"] = ("mia", use("u-1", held("b", LOUNGE).benefit, channel="checkout"))

    assert mia.get(f"{HERE}/uses/u-1").status_code == 404


def test_a_benefit_has_a_page_with_its_description_and_terms(mia: Browser) -> None:
    page = mia.read(f"{HERE}/held/b-lounge")

    assert page.one("h1").text == "Lounge Visit"
    assert [title.text for title in page.all("h2")] == ["About this benefit", "Terms"]
    assert list(forms(page)) == ["Use Lounge Visit now"]


def test_a_claimable_benefit_has_a_page_too(mia: Browser) -> None:
    page = mia.read(f"{HERE}/claimable/free-shipping")

    assert page.one("h1").text == "Free Shipping"
    assert "Within Australia" in page.text
    assert list(forms(page)) == ["Claim Free Shipping"]


def test_a_benefit_that_is_over_keeps_its_page(mia: Browser) -> None:
    page = mia.read(f"{HERE}/held/b-old")

    assert page.one("h1").text == "Winter Surprise"
    assert "Ended on 6 May 2025." in page.text
    assert forms(page) == {}


def test_every_details_link_of_the_list_leads_somewhere(mia: Browser) -> None:
    links = [a.attributes["href"] for a in mia.read().all("a") if a.text.startswith("Details")]

    assert len(links) == 7
    assert {mia.get(link).status_code for link in links} == {200}


@pytest.mark.parametrize("path", ["held/b-lounge", "claimable/free-shipping"])
def test_a_benefits_page_is_shown_while_omneo_is_down(data: PageData, mia: Browser, path: str) -> None:
    data.fails("preview_wallet", NotApplied("down"))

    assert "This benefit cannot be shown right now." in mia.read(f"{HERE}/{path}", status=503).text


@pytest.mark.parametrize("path", ["held/b-lounge", "claimable/free-shipping", "uses/u-1"])
def test_a_guest_is_invited_on_every_page(guest: Browser, path: str) -> None:
    page = guest.read(f"{HERE}/{path}")

    assert page.one("a", href=f"/login?next={HERE}/{path}").text == "Sign in"
    assert "Lounge Visit" not in page.text


def test_a_ten_thousand_character_description_is_folded(data: PageData, mia: Browser) -> None:
    kind = definition("long", "Long Story", long_description=f"<p>{'words and more ' * 700}</p>")
    data.wallets["mia"] = Wallet(True, usable=(held("b-long", kind),))
    page = mia.read(f"{HERE}/held/b-long")

    assert len(page.one("details").text) > 10_000
    assert page.one("summary").text == "The whole description of Long Story"


def test_a_code_too_long_for_a_qr_is_shown_as_text(data: PageData, mia: Browser) -> None:
    data.uses["u-1"] = ("mia", use("u-1", held("b", LOUNGE, code_online="X" * 5000).benefit))
    page = mia.read(f"{HERE}/uses/u-1")

    assert page.one("code").text == "X" * 5000
    assert page.all("svg") == []


def test_reading_pages_changes_nothing(data: PageData, mia: Browser) -> None:
    data.uses["u-1"] = ("mia", use("u-1", held("b", LOUNGE).benefit))
    for rule in mia.client.application.url_map.iter_rules():
        if rule.endpoint.startswith("claimable_benefits.") and "GET" in (rule.methods or ()):
            values = {"benefit_id": "b-lounge", "handle": "free-shipping", "use_id": "u-1", "filename": "benefits.css"}
            _, path = rule.build({name: values[name] for name in rule.arguments}) or ("", "")
            with mia.get(path) as got, mia.client.head(path) as headed:
                assert (got.status_code, headed.status_code) == (200, 200)

    assert data.calls == []


def test_a_head_request_does_not_take_the_flash(mia: Browser) -> None:
    mia.press("Claim Free Shipping")
    mia.client.head(HERE)

    assert flashes(mia.read()) == [("status", "Free Shipping is yours.")]


def test_flashes_fit_into_a_cookie(data: PageData, mia: Browser) -> None:
    data.fails("claim", Declined("not_claimable", "why " * 400))
    button = mia.form("Claim Free Shipping")
    for _ in range(9):
        mia.send(button)
    shown = flashes(mia.read())

    assert [len(text) for _, text in shown] == [300] * 4


def test_a_get_on_an_action_is_not_answered(mia: Browser) -> None:
    paths = [f"{HERE}/{name}" for name in ("claim", "claim-and-redeem", "use")]
    paths += [f"/checkout/benefits/{name}" for name in ("apply", "remove", "move")]

    assert {mia.get(path).status_code for path in paths} == {405}


def test_the_page_of_a_problem_leads_back(mia: Browser) -> None:
    answer = mia.get(f"{HERE}/held/unknown")
    page = read_page(answer.text)

    assert answer.status_code == 404
    assert page.one("h1").text == "We could not find that"
    assert page.one("a", href=HERE).text == "Your benefits"
