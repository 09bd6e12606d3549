"""Tokens, origins, and two shoppers who must never meet."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from flask import Flask
from flask.typing import ResponseReturnValue
from itsdangerous import TimestampSigner
from werkzeug.exceptions import BadRequest

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.ledger.shops import Shop
from claimable_benefits.service.account.wallet_view import Wallet
from claimable_benefits.service.holds.offers import Offers
from claimable_benefits.web.current import context
from claimable_benefits.web.forms.tokens import button_signature
from claimable_benefits.web.http_errors import BenefitNotFound, FormRefused
from tests.web.conftest import Browser
from tests.web.page_data import ACCOUNT, PageData, definition, held, make_shop, offer, use
from tests.web.reading import Form, forms, read_page

HERE = "/account/benefits"
BUTTONS = {
    "claim": ("Claim Free Shipping", HERE),
    "claim_and_redeem": ("Claim and use Prize Draw Entry now", HERE),
    "use": ("Use Lounge Visit now", HERE),
    "apply": ("Apply 10% off", "/checkout"),
    "remove": ("Remove Free Shipping", "/checkout"),
    "move": ("Use Gift Wrapping here instead", "/checkout"),
}
every_action = pytest.mark.parametrize("action", BUTTONS)


def subject_of(action: str) -> str:
    """The field that names what a button is about."""
    return "handle" if action in ("claim", "claim_and_redeem") else "benefit_id"


def button_of(mia: Browser, action: str) -> Form:
    label, path = BUTTONS[action]
    return mia.form(label, path)


def refused(mia: Browser, form: Form, changes: dict[str, str], headers: dict[str, str] | None = None) -> str:
    """Send the form, expect a 400 page, and give its sentence."""
    answer = mia.client.post(form.action, data=form.fields | changes, headers=headers)
    page = read_page(answer.text)
    assert answer.status_code == 400, answer.status
    assert page.one("h1").text == "That did not work"
    return page.all("p")[0].text


def post_rules(app: Flask) -> list[str]:
    rules = app.url_map.iter_rules()
    return sorted(
        str(rule)
        for rule in rules
        if rule.endpoint.startswith("claimable_benefits.") and not {"GET"} & (rule.methods or set())
    )


@every_action
def test_the_buttons_work_as_they_are(data: PageData, mia: Browser, action: str) -> None:
    assert mia.send(button_of(mia, action)).status_code == 303
    assert len(data.calls) == 1


def test_these_are_all_the_routes_that_are_not_read_only(shop: Flask) -> None:
    assert post_rules(shop) == [
        "/account/benefits/claim",
        "/account/benefits/claim-and-redeem",
        "/account/benefits/use",
        "/account/benefits/webhook",
        "/checkout/benefits/apply",
        "/checkout/benefits/move",
        "/checkout/benefits/remove",
    ]


@pytest.mark.parametrize("customer", ["mia", "new", ""])
def test_no_route_does_anything_without_a_token(data: PageData, shop: Flask, customer: str) -> None:
    visitor = Browser(shop.test_client(), customer)
    fields = {"benefit_id": "b-lounge", "handle": "x"}
    answers = {path: visitor.client.post(path, data=fields).status_code for path in post_rules(shop)}

    # Omneo's messages come from no page: they are signed instead, and without a secret of ours none is taken.
    assert answers.pop("/account/benefits/webhook") == 404
    assert set(answers.values()) == {400}
    assert data.calls == []


@every_action
@pytest.mark.parametrize(
    "other",
    [
        Shop(1, "0123456789abcdef", "https://api.other.getomneo.com/api/v3"),
        Shop(1, "fedcba9876543210", "https://api.demo.getomneo.com/api/v3"),
    ],
    ids=["another tenant", "another ledger"],
)
def test_form_tokens_carry_tenant_and_shop_as_their_audience(
    data: PageData, shop: Flask, mia: Browser, action: str, other: Shop
) -> None:
    """The same secret key, the same shopper's id, the same benefit: still a button of another app."""
    button = button_of(mia, action)
    shop.extensions["claimable_benefits"].shop = other

    sentence = refused(mia, button, {})

    assert sentence == "This button does not belong to this benefit, or not to your account. Nothing was changed."
    assert data.calls == []


@every_action
@pytest.mark.parametrize("token", ["", "x", "a.b.c", "W10.aE_9Xg.x"])
def test_a_token_that_is_none_of_ours_is_refused(data: PageData, mia: Browser, action: str, token: str) -> None:
    sentence = refused(mia, button_of(mia, action), {"cb_token": token})

    assert sentence == "This page was not complete when its button was pressed. Nothing was changed."
    assert data.calls == []


class AgedSigner(TimestampSigner):
    """Signs as it would have signed ``age`` seconds ago."""

    age = 0

    def get_timestamp(self) -> int:
        return super().get_timestamp() - self.age


def aged_token(shop: Flask, customer_id: str, action: str, subject: str, *, minutes: int) -> str:
    """A token of ours that is so many minutes old."""
    signer = AgedSigner(str(shop.secret_key), salt="claimable-benefits page token")
    signer.age = minutes * 60
    with shop.app_context():
        known = context().ledger.shop
        owner = json.dumps([known.tenant, known.key, customer_id]).encode()
        page = signer.sign("0" * 32 + hashlib.sha256(owner).hexdigest()[:32]).decode()
        return f"{page}.{button_signature(customer_id, action, subject)}"


@pytest.mark.parametrize(("minutes", "status"), [(119, 303), (121, 400)])
def test_a_token_is_good_for_as_long_as_the_setting_says(shop: Flask, mia: Browser, minutes: int, status: int) -> None:
    button = mia.form("Claim Free Shipping")
    token = aged_token(shop, "mia", "claim", "free-shipping", minutes=minutes)

    assert mia.send(button, cb_token=token).status_code == status


def test_a_stale_token_gets_a_sentence_of_its_own(shop: Flask, mia: Browser) -> None:
    button = mia.form("Claim Free Shipping")
    token = aged_token(shop, "mia", "claim", "free-shipping", minutes=500)

    assert refused(mia, button, {"cb_token": token}) == (
        "This page was open for too long. Nothing was changed. Go back and try again."
    )


@every_action
@pytest.mark.parametrize("other", BUTTONS)
def test_a_token_works_for_its_own_action_only(
    data: PageData, shop: Flask, mia: Browser, action: str, other: str
) -> None:
    form = button_of(mia, action)
    subject = form.fields[subject_of(action)]
    token = aged_token(shop, "mia", other, subject, minutes=0)

    assert mia.send(form, cb_token=token).status_code == (303 if action == other else 400)
    assert len(data.calls) == (action == other)


def test_the_parts_of_two_shoppers_tokens_do_not_make_one(data: PageData, shop: Flask, mia: Browser) -> None:
    form = button_of(mia, "claim")
    page, _, signature = form.fields["cb_token"].rpartition(".")
    strangers = aged_token(shop, "new", "claim", "free-shipping", minutes=0).rpartition(".")
    mixed = [f"{strangers[0]}.{signature}", f"{page}.{strangers[2]}"]

    assert ["does not belong" in refused(mia, form, {"cb_token": token}) for token in mixed] == [True, True]
    assert data.calls == []


@every_action
def test_a_token_works_for_its_own_benefit_only(data: PageData, mia: Browser, action: str) -> None:
    form = button_of(mia, action)
    subject = subject_of(action)

    assert "does not belong" in refused(mia, form, {subject: "alterations"})
    assert data.calls == []


@every_action
def test_a_token_works_for_its_own_shopper_only(data: PageData, mia: Browser, action: str) -> None:
    form = button_of(mia, action)
    mia.client.get("/sign-in/new")

    assert "not to your account" in refused(mia, form, {})
    assert data.calls == []


@every_action
def test_after_signing_out_a_button_asks_to_sign_in(data: PageData, mia: Browser, action: str) -> None:
    form = button_of(mia, action)
    mia.client.get("/sign-in/nobody")
    answer = mia.send(form)
    page = read_page(answer.text)
    back_to = HERE if action in ("claim", "claim_and_redeem", "use") else "/checkout"

    assert answer.status_code == 400
    assert page.one("a", href=f"/login?next={back_to}").text == "Sign in"
    assert data.calls == []


@every_action
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "https://localhost.evil.example"},
        {"Origin": "null"},
        {"Origin": "null", "Sec-Fetch-Site": "same-site"},
        {"Origin": ""},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://pages.localhost"},
    ],
)
def test_what_comes_from_another_site_is_refused(
    data: PageData, mia: Browser, action: str, headers: dict[str, str]
) -> None:
    sentence = refused(mia, button_of(mia, action), {}, headers)

    assert sentence == "This came from another site, so nothing was changed."
    assert data.calls == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        {"Origin": "https://localhost"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "same-site", "Origin": "https://localhost"},
        {},
    ],
)
def test_what_comes_from_this_site_is_taken(mia: Browser, headers: dict[str, str]) -> None:
    form = button_of(mia, "claim")

    assert mia.client.post(form.action, data=form.fields, headers=headers).status_code == 303


@every_action
def test_behind_a_proxy_that_does_not_pass_the_host_on_every_button_works(
    data: PageData, mia: Browser, action: str
) -> None:
    """Nginx sends the name of its upstream as Host, unless `proxy_set_header Host` says otherwise."""
    form = button_of(mia, action)
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "https://shop.example", "Host": "localhost"}

    answer = mia.client.post(form.action, data=form.fields, headers=headers)

    assert (answer.status_code, len(data.calls)) == (303, 1)


def test_a_key_that_was_replaced_still_opens_what_it_signed(shop: Flask, mia: Browser) -> None:
    form = button_of(mia, "claim")
    shop.config.update(SECRET_KEY_FALLBACKS=[shop.secret_key], SECRET_KEY="a newer key")

    assert mia.send(form).status_code == 303


@every_action
def test_the_refusal_leads_back_to_where_the_button_was(mia: Browser, action: str) -> None:
    form = button_of(mia, action)
    page = read_page(mia.client.post(form.action, data=form.fields | {"cb_token": ""}).text)

    assert page.one("a", href=HERE if action in ("claim", "claim_and_redeem", "use") else "/checkout")


@pytest.mark.parametrize("handled", [400, FormRefused, BadRequest])
def test_a_shop_may_show_the_refusal_its_own_way(data: PageData, handled: Any) -> None:
    app = make_shop(data)

    @app.errorhandler(handled)
    def theirs(error: BadRequest) -> ResponseReturnValue:
        return f"our way: {error.description}", 400

    answer = app.test_client().post(f"{HERE}/claim")

    assert answer.text == "our way: You are signed out. Sign in, and then try again."


def test_a_shop_may_show_a_missing_benefit_its_own_way(data: PageData) -> None:
    app = make_shop(data)

    @app.errorhandler(404)
    def theirs(error: BenefitNotFound) -> ResponseReturnValue:
        return f"nothing here: {type(error).__name__}", 404

    answer = Browser(app.test_client(), "mia").get(f"{HERE}/held/nope")

    assert answer.text == "nothing here: BenefitNotFound"


def test_the_hosts_own_csrf_field_goes_along(data: PageData) -> None:
    app = make_shop(data, {"WTF_CSRF_FIELD_NAME": "their_field"})
    app.jinja_env.globals["csrf_token"] = lambda: "their token"
    mia = Browser(app.test_client(), "mia")
    fields = [form.fields for path in (HERE, "/checkout") for form in forms(mia.read(path)).values()]

    assert len(fields) == 7
    assert {each["their_field"] for each in fields} == {"their token"}


def test_without_a_csrf_extension_no_such_field_is_sent(mia: Browser) -> None:
    assert list(mia.form("Claim Free Shipping").fields) == ["cb_token", "handle"]


@pytest.fixture
def two(data: PageData) -> PageData:
    """Mia, and Leo who has a claimable, a held benefit, a past one, a receipt and a cart of his own."""
    data.shoppers["leo"] = Shopper("leo")
    past = held("leo-past", definition("leo-past", "Leo past"), remaining=0).benefit
    data.wallets["leo"] = Wallet(
        True,
        claimable=(definition("leo-ready", "Leo ready"),),
        usable=(held("leo-held", definition("leo-held", "Leo held"), ACCOUNT),),
        past=(past,),
    )
    data.uses["leo-use"] = ("leo", use("leo-use", past))
    data.offers["leo"] = Offers(fitting=(offer("leo-offer", "Leo offer"),))
    return data


def test_no_address_shows_one_shopper_what_is_anothers(two: PageData, mia: Browser) -> None:
    ids = ("leo-ready", "leo-held", "leo-past", "leo-use", "leo-offer")
    rules = [rule for rule in mia.client.application.url_map.iter_rules() if rule.arguments]
    ours = [rule for rule in rules if rule.endpoint.startswith("claimable_benefits.") and "filename" not in str(rule)]
    answers = {}
    for rule in ours:
        for each in ids:
            _, path = rule.build(dict.fromkeys(rule.arguments, each)) or ("", "")
            answers[path] = mia.get(path)

    assert len(answers) == 15
    assert {answer.status_code for answer in answers.values()} == {404}
    assert not [path for path, answer in answers.items() if "Leo" in answer.text]


def test_a_foreign_id_and_an_unknown_one_get_the_same_answer(two: PageData, mia: Browser) -> None:
    assert mia.get(f"{HERE}/held/leo-held").text == mia.get(f"{HERE}/held/nothing").text


def test_no_button_of_one_shopper_works_for_the_other(two: PageData, shop: Flask, mia: Browser) -> None:
    leo = Browser(shop.test_client(), "leo")
    his = [form for path in (HERE, "/checkout") for form in forms(leo.read(path)).values()]
    statuses = [mia.send(form).status_code for form in his]

    assert statuses == [400] * 3
    assert two.calls == []


@every_action
def test_a_shopper_who_signs_a_token_for_anothers_benefit_acts_in_their_own_name(
    two: PageData, shop: Flask, mia: Browser, action: str
) -> None:
    """Even with the secret key the service gets the shopper of the session, and refuses what is not theirs."""
    form = button_of(mia, action)
    subject = subject_of(action)
    token = aged_token(shop, "mia", action, "leo-held", minutes=0)
    mia.send(form, **{"cb_token": token, subject: "leo-held"})

    assert {call[1] for call in two.calls} == {"mia"}


@pytest.mark.parametrize("path", [HERE, f"{HERE}/held/b-lounge", f"{HERE}/claimable/free-shipping", f"{HERE}/held/no"])
def test_personal_pages_are_never_cached(mia: Browser, path: str) -> None:
    answer = mia.get(path)

    assert answer.headers["Cache-Control"] == "private, no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"


@every_action
def test_answers_to_forms_are_never_cached(mia: Browser, action: str) -> None:
    form = button_of(mia, action)
    taken, turned_away = mia.send(form), mia.send(form, cb_token="")

    assert [answer.headers["Cache-Control"] for answer in (taken, turned_away)] == ["private, no-store"] * 2


def test_a_page_with_the_panel_is_never_cached(mia: Browser) -> None:
    assert mia.get("/checkout").headers["Cache-Control"] == "private, no-store"


def test_files_may_be_cached(mia: Browser) -> None:
    address = mia.read().all("link")[0].attributes["href"]
    answer = mia.get(address)

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "public, max-age=604800"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    answer.close()
