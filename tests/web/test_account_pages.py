"""The account page: what is ready to claim, what is held, what was used."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from claimable_benefits.domain.benefits import Benefit, Definition
from claimable_benefits.domain.policy import Place, Policy
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.errors import AuthenticationError, NotApplied, StillLoading
from claimable_benefits.service.account.history import Entry
from claimable_benefits.service.account.wallet_view import Held, Wallet
from claimable_benefits.service.holds.offers import Offers
from tests.web.conftest import Browser
from tests.web.page_data import ACCOUNT, CHECKOUT, MELBOURNE, NOW, STORE, PageData, definition, held, make_shop
from tests.web.reading import Element, forms, read_page, region


def card(page: Element, name: str) -> Element:
    for item in page.all("li"):
        if "cb-card" in item.classes and item.one("h3").text == name:
            return item
    raise LookupError(name)


def give(data: PageData, *benefits: Held, ready: tuple[Definition, ...] = ()) -> None:
    data.wallets["mia"] = Wallet(True, claimable=ready, usable=benefits)


def test_the_page_has_its_heading_and_three_sections(mia: Browser) -> None:
    page = mia.read()

    assert page.one("h1").text == "Your benefits"
    assert [title.text for title in page.all("h2")] == ["Ready to claim", "Yours to use", "History"]


def test_the_page_answers_with_and_without_a_trailing_slash(mia: Browser) -> None:
    assert [mia.get("/account/benefits").status_code, mia.get("/account/benefits/").status_code] == [200, 200]


def test_claimable_benefits_have_a_button_of_their_own(mia: Browser) -> None:
    ready = region(mia.read(), "Ready to claim")

    assert list(forms(ready)) == [
        "Claim Free Shipping",
        "Claim Complimentary Alterations",
        "Claim and use Prize Draw Entry now",
    ]


def test_terms_can_be_read_before_claiming(mia: Browser) -> None:
    terms = card(mia.read(), "Free Shipping").one("details")

    assert terms.one("summary").text == "Terms of Free Shipping"
    assert "Not with express delivery." in terms.text


def test_a_claim_window_and_the_time_it_is_good_for_are_shown(mia: Browser) -> None:
    facts = [item.text for item in card(mia.read(), "Free Shipping").one("ul").all("li")]

    assert facts == ["Claiming ends on 30 June 2025", "Good for 30 days once it is yours"]


def test_what_ends_first_is_shown_first(mia: Browser) -> None:
    names = [title.text for title in region(mia.read(), "Yours to use").all("h3")]

    assert names == ["Birthday Treat", "10% off your next order", "Lounge Visit", "VIP Access"]


def test_a_benefit_with_several_uses_says_how_many_are_left(mia: Browser) -> None:
    assert "2 of 3 uses left" in card(mia.read(), "10% off your next order").text


@pytest.mark.parametrize(
    ("remaining", "most", "words"),
    [(None, None, "No limit on uses"), (4, None, "4 uses left"), (5, 3, "5 of 5 uses left")],
)
def test_uses_left_are_shown_as_far_as_they_are_known(
    data: PageData, mia: Browser, remaining: int | None, most: int | None, words: str
) -> None:
    give(data, held("b", definition("x", "Thing", max_redemptions=most), remaining=remaining))

    assert words in card(mia.read(), "Thing").text


def test_a_single_use_needs_no_count(data: PageData, mia: Browser) -> None:
    give(data, held("b", definition("x", "Thing", max_redemptions=1), remaining=1))

    assert "left" not in card(mia.read(), "Thing").text


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        (datetime(2025, 6, 15, 13, 59, 59, tzinfo=UTC), "Ends today at 11:59 pm (Australian Eastern Standard Time)"),
        (datetime(2025, 6, 15, 14, 0, 0, tzinfo=UTC), "Ends today at 11:59 pm (Australian Eastern Standard Time)"),
        (datetime(2025, 6, 16, 13, 59, 59, tzinfo=UTC), "Ends tomorrow at 11:59 pm (Australian Eastern Standard Time)"),
        (datetime(2025, 6, 20, 13, 59, 59, tzinfo=UTC), "Ends on 20 June 2025"),
        (
            datetime(2025, 6, 20, 2, 30, tzinfo=UTC),
            "Ends on 20 June 2025 at 12:30 pm (Australian Eastern Standard Time)",
        ),
        (None, "Does not end"),
    ],
)
def test_an_end_is_shown_in_the_shoppers_zone(data: PageData, mia: Browser, ends: datetime | None, words: str) -> None:
    give(data, held("b", definition("x", "Thing"), expires_at=ends))

    facts = card(mia.read(), "Thing").all("ul")[0].all("li")
    assert facts[0].text.replace("\N{NARROW NO-BREAK SPACE}", " ") == words


def test_another_zone_and_language_change_the_words(data: PageData, mia: Browser) -> None:
    data.shoppers["mia"] = Shopper("mia", timezone="Europe/Paris", locale="de-DE")
    give(data, held("b", definition("x", "Thing"), expires_at=datetime(2025, 6, 20, 13, 59, 59, tzinfo=UTC)))

    assert "Ends on 20. Juni 2025 at 15:59 (Mitteleuropäische Sommerzeit)" in card(mia.read(), "Thing").text


@pytest.mark.parametrize(
    "shopper", [Shopper("mia"), Shopper("mia", timezone="Mars/Olympus", locale="xx_XX"), Shopper("mia", locale="!!")]
)
def test_unknown_habits_fall_back_to_the_shops(data: PageData, mia: Browser, shopper: Shopper) -> None:
    data.shoppers["mia"] = shopper
    give(data, held("b", definition("x", "Thing"), expires_at=datetime(2025, 6, 20, 13, 59, 59, tzinfo=UTC)))

    assert "Ends on June 20, 2025" in card(mia.read(), "Thing").text


def test_online_instructions_are_shown(mia: Browser) -> None:
    lounge = card(mia.read(), "Lounge Visit")

    assert "Show the code at the door. Open Mon to Sat, 9 to 5" in lounge.text


def test_a_benefit_used_from_the_account_has_one_button_and_a_warning(mia: Browser) -> None:
    lounge = card(mia.read(), "Lounge Visit")
    button = lounge.one("button")

    assert button.text == "Use Lounge Visit now"
    note = lounge.one("p", id=button.attributes["aria-describedby"])
    assert note.text == "It takes effect at once and uses the benefit up."


def test_a_benefit_used_at_checkout_says_how_and_leads_there(mia: Browser) -> None:
    ten = card(mia.read(), "10% off your next order")

    assert "Apply it at checkout. It takes 10% off your order." in ten.text
    assert "/checkout" in [link.attributes["href"] for link in ten.all("a")]
    assert ten.all("form") == []


def test_a_store_benefit_shows_code_and_qr_and_no_button(mia: Browser) -> None:
    birthday = card(mia.read(), "Birthday Treat")

    assert "Show this code at the till in any of our stores." in birthday.text
    assert birthday.one("code").text == "BDAY-2025-7F3K"
    assert birthday.one("div", role="img", aria_label="QR code for BDAY-2025-7F3K").all("svg")
    assert birthday.all("form") == []


def test_a_benefit_without_a_policy_is_shown_and_used_nowhere(data: PageData, mia: Browser) -> None:
    give(data, Held(Benefit("b", definition("x", "Thing", instructions_online="<p>Ask us.</p>")), Policy("x")))
    thing = card(mia.read(), "Thing")

    assert "Ask us." in thing.text
    assert thing.all("form") == []
    assert "checkout" not in thing.text


def test_a_use_that_is_being_confirmed_takes_the_button_away(mia: Browser) -> None:
    vip = card(mia.read(), "VIP Access")

    assert "We are confirming your last use" in vip.text
    assert vip.all("form") == []


def test_a_claim_that_is_being_confirmed_is_shown(data: PageData, mia: Browser) -> None:
    data.wallets["mia"] = Wallet(True, pending_claims=("Free Shipping",))
    ready = region(mia.read(), "Ready to claim")

    assert "We are confirming Free Shipping with the loyalty programme." in ready.text
    assert "nothing to claim" not in ready.text


def test_two_benefits_of_one_name_have_buttons_of_their_own(data: PageData, mia: Browser) -> None:
    kind = definition("lounge", "Lounge Visit")
    give(data, held("b1", kind, ACCOUNT), held("b2", kind, ACCOUNT))

    assert list(forms(mia.read())) == ["Use Lounge Visit now", "Use Lounge Visit (2) now"]


def test_the_history_says_what_when_and_on_which_order(mia: Browser) -> None:
    rows = [item for item in region(mia.read(), "History").all("li") if "cb-row__state" in str(item)]

    assert [row.text for row in rows] == [
        "Free Shipping 13 June 2025 At checkout, Order 1001 Used",
        "Lounge Visit 6 June 2025 From your account, Code and instructions of Lounge Visit, 6 June 2025 Used",
        "Gift Wrapping 26 May 2025 At checkout, Order 0987 Given back",
        "Birthday Treat 16 June 2024 In a store Used",
    ]


def test_the_history_links_to_orders_and_receipts(mia: Browser) -> None:
    links = [link.attributes["href"] for link in region(mia.read(), "History").all("a")]

    assert links == [
        "/orders/1001",
        "/account/benefits/uses/11111111-1111-4111-8111-111111111111",
        "/orders/0987",
        "/account/benefits/held/b-old",
    ]


def test_without_an_order_page_orders_are_named_and_not_linked(data: PageData) -> None:
    app = make_shop(data, {"BENEFITS_ORDER_URL": ""})
    history = region(Browser(app.test_client(), "mia").read(), "History")

    assert "Order 1001" in history.text
    assert not [link for link in history.all("a") if "1001" in link.attributes["href"]]


def test_an_order_number_cannot_bend_its_link(data: PageData, mia: Browser) -> None:
    data.histories["mia"] = (Entry("Thing", NOW, "checkout", order_number="../../logout?now=1"),)

    assert region(mia.read(), "History").all("a")[0].attributes["href"] == "/orders/..%2F..%2Flogout%3Fnow%3D1"


def test_a_sale_in_a_store_is_no_order_of_this_shop(data: PageData, mia: Browser) -> None:
    data.histories["mia"] = (Entry("Thing", NOW, "store", order_number="TILL-7"),)
    history = region(mia.read(), "History")

    assert "In a store, Order TILL-7" in history.text
    assert [link for link in history.all("a") if "TILL" in link.attributes["href"]] == []


def test_an_entry_in_doubt_is_shown(data: PageData, mia: Browser) -> None:
    data.histories["mia"] = (Entry("Thing", NOW, "checkout", order_number="7", pending=True),)

    assert "Being confirmed" in region(mia.read(), "History").text


def test_a_long_history_is_folded_away(data: PageData, mia: Browser) -> None:
    data.histories["mia"] = tuple(Entry(f"Thing {n}", NOW - timedelta(days=n), "store") for n in range(25))
    history = region(mia.read(), "History")

    assert "Show 5 older" in [summary.text for summary in history.all("summary")]


def test_what_is_over_is_listed_apart(mia: Browser) -> None:
    over = region(mia.read(), "History").one("details")

    assert over.text == "Benefits that are over (1) Winter Surprise Ended on 6 May 2025"


def test_a_guest_is_invited_and_returns_here(guest: Browser) -> None:
    page = guest.read()
    invitation = page.one("a", href="/login?next=/account/benefits")

    assert invitation.text == "Sign in"
    assert page.all("form") == []


def test_the_way_back_keeps_the_query(guest: Browser) -> None:
    page = guest.read("/account/benefits?from=mail&x=1")

    assert page.one("a", href="/login?next=/account/benefits%3Ffrom%3Dmail%26x%3D1").text == "Sign in"


def test_a_shopper_unknown_to_omneo_sees_a_calm_page(data: PageData, mia: Browser) -> None:
    data.wallets["mia"] = Wallet(False)
    page = mia.read()

    assert "No benefits yet." in page.text
    assert page.all("h2") == []


def test_every_empty_section_says_so(data: PageData, mia: Browser) -> None:
    data.wallets["mia"], data.histories["mia"] = Wallet(True), ()
    page = mia.read()

    assert "There is nothing to claim right now." in region(page, "Ready to claim").text
    assert "You hold no benefits right now. What you earn or claim appears here." in region(page, "Yours to use").text
    assert "You have not used a benefit yet." in region(page, "History").text


@pytest.mark.parametrize("error", [NotApplied("down"), AuthenticationError("no token", status=401)])
def test_while_omneo_is_down_the_page_is_shown_and_says_so(data: PageData, mia: Browser, error: Exception) -> None:
    data.fails("preview_wallet", error)
    page = mia.read(status=503)

    assert page.one("h1").text == "Your benefits"
    assert "Your benefits cannot be shown right now." in page.text


def loading_region(page: Element) -> Element:
    (found,) = [div for div in page.all("div") if "data-cb-fill" in div.attributes]
    return found


@pytest.mark.parametrize(
    ("path", "fill", "reloads"),
    [
        ("/account/benefits", "/account/benefits/fragment", False),
        ("/account/benefits?history=all", "/account/benefits/fragment?history=all", False),
        ("/account/benefits/held/b-lounge", "/account/benefits/fragment", True),
        ("/account/benefits/claimable/free-shipping", "/account/benefits/fragment", True),
    ],
)
def test_a_page_whose_benefits_are_late_is_a_page_with_a_region_that_fills_itself(
    data: PageData, mia: Browser, path: str, fill: str, reloads: bool
) -> None:
    data.fails("preview_wallet", StillLoading("late"))
    page = mia.read(path, status=200)
    loading = loading_region(page)

    assert page.one("h1").text == "Your benefits"
    assert loading.one("p", role="status").text == "We are fetching your benefits from the loyalty programme."
    assert (loading.one("a").text, loading.one("a").attributes["href"]) == ("Show my benefits", path)
    assert loading.attributes["data-cb-fill"] == fill
    assert ("data-cb-reload" in loading.attributes) is reloads
    assert loading.one("script").attributes["src"].startswith("/account/benefits/static/benefits.js?v=")


def test_the_fragment_is_the_sections_of_the_list_and_nobody_stores_it(data: PageData, mia: Browser) -> None:
    answer = mia.get("/account/benefits/fragment")
    fragment = read_page(answer.text)

    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "private, no-store")
    assert [title.text for title in fragment.all("h2")] == ["Ready to claim", "Yours to use", "History"]
    assert list(forms(fragment)) == list(forms(mia.read()))
    assert mia.send(forms(fragment)["Claim Free Shipping"]).status_code == 303
    assert "<html" not in answer.text


@pytest.mark.parametrize("error", [StillLoading("late"), NotApplied("down")])
def test_the_fragment_is_empty_while_there_is_nothing_to_show(data: PageData, mia: Browser, error: Exception) -> None:
    data.fails("preview_wallet", error)
    answer = mia.get("/account/benefits/fragment")

    assert (answer.status_code, answer.data, answer.headers["Cache-Control"]) == (204, b"", "private, no-store")


def test_a_guest_gets_no_fragment(guest: Browser) -> None:
    answers = [guest.get(path) for path in ("/account/benefits/fragment", "/checkout/benefits/panel")]

    assert [(answer.status_code, answer.data) for answer in answers] == [(204, b"")] * 2


def test_a_flash_is_shown_by_the_page_and_not_by_the_fragment(data: PageData, mia: Browser) -> None:
    mia.press("Claim Free Shipping")
    fragments = [mia.get(path).text for path in ("/account/benefits/fragment", "/checkout/benefits/panel")]

    assert all("Free Shipping is yours." not in text for text in fragments)
    assert "Free Shipping is yours." in mia.read().text


def test_a_page_that_is_not_late_has_no_script(data: PageData, mia: Browser) -> None:
    assert [mia.read(path).all("script") for path in ("/account/benefits", "/checkout")] == [[], []]


def test_the_script_takes_the_nonce_of_the_shop(data: PageData) -> None:
    app = make_shop(data)
    app.jinja_env.globals["csp_nonce"] = lambda: "once"
    data.fails("preview_wallet", StillLoading("late"))
    data.offers["mia"] = Offers(reachable=False, is_loading=True)
    browser = Browser(app.test_client(), "mia")

    assert [browser.read(path).one("script").attributes["nonce"] for path in ("/account/benefits", "/checkout")] == [
        "once",
        "once",
    ]


def test_a_history_that_cannot_be_read_leaves_the_rest(data: PageData, mia: Browser) -> None:
    data.is_whole = False
    data.fails("remembered_history", NotApplied("down"))
    page = mia.read("/account/benefits?history=all")

    assert "Your history cannot be shown right now." in region(page, "History").text
    assert "Claim Free Shipping" in forms(page)


def test_definitions_full_of_nothing_are_shown(data: PageData, mia: Browser) -> None:
    empty = Definition(id="", handle="bare", name="")
    give(data, held("b", empty, frozenset(Place), remaining=None), ready=(empty,))

    assert list(forms(mia.read())) == ["Claim bare", "Use bare now"]


def test_five_hundred_benefits_make_one_page(data: PageData, mia: Browser) -> None:
    places = (CHECKOUT, ACCOUNT, STORE)
    kinds = [definition(f"kind-{n}", f"Thing {n}", code_store=f"CODE-{n}") for n in range(500)]
    give(data, *(held(f"b{n}", kind, places[n % 3]) for n, kind in enumerate(kinds)), ready=tuple(kinds))
    page = mia.read()

    assert len(page.all("h3")) == 1000
    assert len(forms(page)) == 500 + 167
    assert len(page.all("svg")) == 12


def test_a_pictures_address_must_be_https(data: PageData, mia: Browser) -> None:
    urls = ("https://img.example/a.jpg", "http://img.example/b.jpg", "javascript:alert(1)", "https://", "//x/y.jpg")
    kinds = [definition(f"k{n}", f"Thing {n}", image_url=address) for n, address in enumerate(urls)]
    give(data, *(held(kind.id, kind) for kind in kinds))

    assert [image.attributes["src"] for image in mia.read().all("img")] == ["https://img.example/a.jpg"]


def test_a_benefit_of_several_places_offers_them_all(data: PageData, mia: Browser) -> None:
    kind = definition("all", "Everything", code_store="S1", instructions_store="<p>At the till.</p>")
    give(data, held("b", kind, frozenset(Place)))
    everything = card(mia.read(), "Everything")

    assert everything.one("button").text == "Use Everything now"
    assert "Apply it at checkout." in everything.text
    assert "You can also use it in our stores." in everything.text


@pytest.mark.parametrize(
    "texts", [{"instructions_online": "<p>Call us.</p>"}, {"instructions_store": "<p>Call us.</p>"}]
)
def test_a_benefit_without_a_policy_is_not_said_to_be_used_in_stores(
    data: PageData, mia: Browser, texts: dict[str, str]
) -> None:
    give(data, held("b", definition("x", "Thing", code_store="S1", **texts), frozenset()))
    shown = card(mia.read(), "Thing")

    assert "You cannot use it online in this shop." in shown.text
    assert "Call us." in shown.text
    assert "in our stores" not in shown.text
    assert "S1" not in shown.text
    assert forms(shown) == {}


def test_the_clock_is_the_shops_own(data: PageData, mia: Browser) -> None:
    give(data, held("b", definition("x", "Thing"), expires_at=NOW + timedelta(hours=30)))
    assert "Ends tomorrow" in card(mia.read(), "Thing").text

    data.now += timedelta(hours=24)

    assert "Ends today" in card(mia.read(), "Thing").text


def test_another_shopper_in_the_same_zone_is_not_shown(data: PageData, mia: Browser) -> None:
    data.shoppers["leo"] = replace(data.shoppers["mia"], customer_id="leo", timezone=MELBOURNE)
    data.wallets["leo"] = Wallet(True, usable=(held("leo-1", definition("leos", "Leo's own")),))

    assert "Leo's own" not in mia.read().text
