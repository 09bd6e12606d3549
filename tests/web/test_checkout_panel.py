"""The region "Benefits" of a checkout page."""

from __future__ import annotations

import logging
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask, render_template_string

from claimable_benefits.domain.discounts import Discount
from claimable_benefits.domain.eligibility import Fit, Misfit
from claimable_benefits.domain.policy import DiscountKind, Policy
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.errors import Declined, NotApplied
from claimable_benefits.service.holds.hold import Hold
from claimable_benefits.service.holds.offers import Offers
from tests.web.conftest import Browser
from tests.web.demo import demo
from tests.web.page_data import CHECKOUT, PageData, applied, cart, make_shop, offer
from tests.web.reading import Element, forms, read_page, region
from tests.web.test_actions import flashes


def panel(mia: Browser, path: str = "/checkout") -> Element:
    return region(mia.read(path), "Benefits")


def only(data: PageData, **offers: object) -> None:
    data.offers["mia"] = replace(Offers(), **offers)  # type: ignore[arg-type] # the fields of Offers, by name


def test_what_is_applied_says_what_it_takes_off_and_how_long_it_is_held(mia: Browser) -> None:
    free = panel(mia).all("div", class_="cb-applied")[0]

    assert free.one("h3").text == "Free Shipping"
    assert free.one("p", class_="cb-applied__effect").text == "\N{MINUS SIGN}$9.95"
    assert "Held for you until 12:30 pm." in free.text
    assert "We ship it free." in free.text
    assert list(forms(free)) == ["Remove Free Shipping"]


def test_without_a_zone_of_the_shoppers_the_zone_is_named(data: PageData, mia: Browser) -> None:
    data.shoppers["mia"] = Shopper("mia")

    assert "until 12:30 PM (Australian Eastern Standard Time)" in panel(mia).text


@pytest.mark.parametrize(
    ("kind", "words"), [(DiscountKind.SHIPPING, "Once shipping is chosen"), (DiscountKind.NONE, "Included")]
)
def test_an_applied_benefit_without_an_amount_says_what_it_does(
    data: PageData, mia: Browser, kind: DiscountKind, words: str
) -> None:
    data.policies["free-shipping"] = Policy("free-shipping", kind, used_at=CHECKOUT)
    only(data, applied=applied("b", "Free Shipping", amount="0"))

    assert panel(mia).one("p", class_="cb-applied__effect").text == words


def test_what_is_applied_and_no_longer_fits_says_why(data: PageData, mia: Browser) -> None:
    fit = Fit(Misfit.BELOW_MINIMUM, Decimal(12))
    only(data, applied=applied("b", "Ten Off", amount="0", fit=fit, discount=Discount()))
    text = panel(mia).text

    assert "It takes nothing off right now. Spend $12.00 more to use it." in text
    assert list(forms(panel(mia))) == ["Remove Ten Off"]


def test_an_applied_benefits_code_is_not_shown_before_it_is_used(data: PageData, mia: Browser) -> None:
    only(data, applied=applied("b", "Gift", code="GIFT-1"))

    assert "GIFT-1" not in mia.get("/checkout").text


def test_what_fits_has_a_button_and_its_worth(mia: Browser) -> None:
    text = panel(mia).text

    assert "Takes $9.00 off." in text
    assert "Apply 10% off" in forms(panel(mia))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (DiscountKind.SHIPPING, "Takes the cost of shipping off, once it is chosen."),
        (DiscountKind.NONE, "Comes with your order; the total stays as it is."),
    ],
)
def test_what_fits_without_an_amount_says_what_it_would_do(
    data: PageData, mia: Browser, kind: DiscountKind, words: str
) -> None:
    only(data, fitting=(offer("b", "Thing", policy=Policy("thing", kind, used_at=CHECKOUT)),))

    assert words in panel(mia).text


def test_money_is_written_in_the_carts_currency_and_the_shoppers_language(data: PageData, mia: Browser) -> None:
    data.shoppers["mia"] = Shopper("mia", timezone="Europe/Paris", locale="fr_FR")
    data.cart = cart(currency="EUR")
    only(data, applied=applied("b", "Livraison", amount="1234.50"))

    assert panel(mia).one("p", class_="cb-applied__effect").text == "\N{MINUS SIGN}1 234,50 €"


def test_what_is_held_in_another_cart_can_be_used_here_instead(mia: Browser) -> None:
    move = forms(panel(mia))["Use Gift Wrapping here instead"]

    assert move.action == "/checkout/benefits/move"
    assert "It is on another cart of yours right now." in panel(mia).text


@pytest.mark.parametrize(
    ("misfit", "words"),
    [
        (Misfit.STORE_ONLY, "You use it in our stores."),
        (Misfit.NOT_ONLINE, "You cannot use it in this checkout."),
        (Misfit.ACCOUNT_ONLY, "You use it from your benefits page."),
        (Misfit.EMPTY_CART, "Add something to your cart to use it."),
        (Misfit.BELOW_MINIMUM, "Spend $12.00 more to use it."),
        (Misfit.NO_MATCHING_ITEM, "Nothing in your cart qualifies for it."),
        (Misfit.SHIPPING_IS_FREE, "Your shipping is free already."),
        (Misfit.NOTHING_TO_TAKE_OFF, "There is nothing in your cart for it to take off."),
    ],
)
def test_what_does_not_fit_says_why_and_has_no_button(data: PageData, mia: Browser, misfit: Misfit, words: str) -> None:
    only(data, unfitting=(offer("b", "Thing", Fit(misfit, Decimal(12))),))

    assert words in panel(mia).text
    assert forms(panel(mia)) == {}


def test_every_reason_has_a_sentence(data: PageData, mia: Browser) -> None:
    only(data, unfitting=tuple(offer(f"b{n}", f"Thing {n}", Fit(misfit)) for n, misfit in enumerate(Misfit)))
    worths = [item.text for item in panel(mia).all("p", class_="cb-offer__worth")]

    assert len(worths) == len(set(worths)) == len(Misfit)
    assert "" not in worths


def test_many_that_do_not_fit_are_folded_away(data: PageData, mia: Browser) -> None:
    only(data, unfitting=tuple(offer(f"b{n}", f"Thing {n}", Fit(Misfit.STORE_ONLY)) for n in range(40)))

    assert panel(mia).one("summary").text == "34 more that do not fit"


def test_what_is_being_confirmed_is_shown(mia: Browser) -> None:
    assert "We are confirming Express Delivery with the loyalty programme." in panel(mia).text


def test_a_guest_is_invited_and_returns_to_the_checkout(guest: Browser) -> None:
    shown = panel(guest, "/checkout?step=2")

    assert shown.one("a").text == "Sign in"
    assert shown.one("a").attributes["href"] == "/login?next=/checkout%3Fstep%3D2"


def test_an_empty_cart_is_shown(data: PageData, mia: Browser) -> None:
    data.cart = None

    assert "Add something to your cart" in panel(mia).text


def test_a_shopper_without_benefits_sees_where_to_claim(data: PageData, mia: Browser) -> None:
    only(data)

    assert "You hold no benefits right now." in panel(mia).text
    assert panel(mia).one("a").attributes["href"] == "/account/benefits"


def test_while_omneo_is_down_what_is_applied_stays(data: PageData, mia: Browser) -> None:
    only(data, applied=applied("b", "Free Shipping"), reachable=False)
    text = panel(mia).text

    assert "The loyalty programme does not answer right now, so your other benefits are not shown." in text
    assert "Remove Free Shipping" in text


def test_a_panel_whose_benefits_are_late_fills_itself_and_keeps_what_is_applied(data: PageData, mia: Browser) -> None:
    only(data, applied=applied("b", "Free Shipping"), reachable=False, is_loading=True)
    late = panel(mia, "/checkout?step=2")
    (loading,) = [div for div in late.all("div") if "data-cb-fill" in div.attributes]
    while_late = mia.get(loading.attributes["data-cb-fill"])
    only(data, applied=applied("b", "Free Shipping"), fitting=(offer("c", "Ten Off"),))
    filled = mia.get(loading.attributes["data-cb-fill"])
    shown = region(read_page(filled.text), "Benefits")

    assert "We are fetching your benefits" in late.text
    assert "does not answer" not in late.text
    assert list(forms(late)) == ["Remove Free Shipping"]
    assert loading.one("a").attributes["href"] == "/checkout?step=2"
    assert (while_late.status_code, while_late.data) == (204, b"")
    assert (filled.status_code, filled.headers["Cache-Control"]) == (200, "private, no-store")
    assert list(forms(shown)) == ["Remove Free Shipping", "Apply Ten Off"]
    assert forms(shown)["Apply Ten Off"].fields["next"] == "/checkout?step=2"


@pytest.mark.parametrize("target", ["//evil.example/", "https://evil.example/", ""])
def test_the_panels_forms_never_lead_to_another_site(data: PageData, mia: Browser, target: str) -> None:
    only(data, fitting=(offer("c", "Ten Off"),))
    shown = read_page(mia.get(f"/checkout/benefits/panel?next={target}").text)

    assert forms(shown)["Apply Ten Off"].fields["next"] == "/checkout"


def test_the_panel_never_breaks_a_checkout(data: PageData, mia: Browser, caplog: pytest.LogCaptureFixture) -> None:
    data.fails("read_offers", ZeroDivisionError("anything"))
    with caplog.at_level(logging.ERROR, "claimable_benefits"):
        text = panel(mia).text

    assert text == "Benefits Your benefits cannot be shown right now. You can check out as usual."
    assert "ZeroDivisionError" in caplog.text


def test_a_broken_template_of_the_shops_does_not_break_a_checkout(data: PageData, tmp_path: Path) -> None:
    (tmp_path / "claimable_benefits").mkdir()
    (tmp_path / "claimable_benefits" / "panel.html").write_text("{% block", encoding="utf-8")
    app = make_shop(data, template_folder=tmp_path)

    assert "Your benefits cannot be shown right now." in panel(Browser(app.test_client(), "mia")).text


def test_the_panel_outside_of_a_request_does_not_raise(shop: Flask) -> None:
    with shop.app_context():
        text = render_template_string("{{ benefits_panel() }}")

    assert "Your benefits cannot be shown right now." in text


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (Hold("10% off", "u", already=True), "10% off is applied already. Nothing changed."),
        (
            Hold("10% off", "u", replaced="Free Shipping"),
            "10% off is applied in place of Free Shipping, which is still yours.",
        ),
    ],
)
def test_applying_says_what_it_changed(data: PageData, mia: Browser, outcome: Hold, sentence: str) -> None:
    data.answers["hold"] = outcome
    mia.press("Apply 10% off", "/checkout")

    assert flashes(mia.read("/checkout")) == [("status", sentence)]


def test_removing_what_is_gone_says_so(data: PageData, mia: Browser) -> None:
    data.answers["release"] = None
    mia.press("Remove Free Shipping", "/checkout")

    assert flashes(mia.read("/checkout")) == [("status", "This benefit was not applied any more. Nothing changed.")]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Declined("in_another_cart", "It is in another cart of yours."), "It is in another cart of yours."),
        (NotApplied("down"), "We cannot reach the loyalty programme right now"),
    ],
)
def test_what_goes_wrong_is_shown_in_the_panel(data: PageData, mia: Browser, error: Exception, words: str) -> None:
    data.fails("hold", error)
    mia.press("Apply 10% off", "/checkout")
    [(role, sentence)] = flashes(mia.read("/checkout"))

    assert role == "alert"
    assert words in sentence


def test_without_a_cart_a_button_does_nothing_and_says_so(data: PageData, mia: Browser) -> None:
    button = mia.form("Apply 10% off", "/checkout")
    data.cart = None
    answer = mia.send(button)

    assert (answer.status_code, data.calls) == (303, [])
    assert flashes(mia.read("/checkout")) == [("alert", "Your cart is empty, so there is nothing to use a benefit on.")]


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "checkout",
        "",
        "/\t/evil.example",
        "/ok\r\nSet-Cookie: a=b",
    ],
)
def test_a_return_address_outside_of_the_shop_is_ignored(mia: Browser, target: str) -> None:
    answer = mia.send(mia.form("Apply 10% off", "/checkout"), next=target)

    assert (answer.status_code, answer.location) == (303, "/checkout")


def test_a_panel_on_an_answer_to_a_post_returns_to_the_checkout(mia: Browser) -> None:
    page = read_page(mia.client.post("/checkout?step=3").text)

    assert {form.fields["next"] for form in forms(page).values()} == {"/checkout"}


def test_names_on_a_panel_differ(data: PageData, mia: Browser) -> None:
    only(data, fitting=(offer("b1", "Ten Off", amount="1"), offer("b2", "Ten Off", amount="1")))

    assert list(forms(panel(mia))) == ["Apply Ten Off", "Apply Ten Off (2)"]


def test_two_apps_in_one_process_do_not_meet() -> None:
    one, two = demo(), demo()
    only(two)
    first, second = (Browser(make_shop(data).test_client(), "mia") for data in (one, two))
    first.press("Apply 10% off", "/checkout")

    assert (len(one.calls), two.calls) == (1, [])
    assert "You hold no benefits right now." in panel(second).text
