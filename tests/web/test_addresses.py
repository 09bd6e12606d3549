"""The addresses of the shop's own pages: endpoints, paths and whole addresses, at the root and below a prefix."""

from __future__ import annotations

import pytest
from flask import Flask, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

from claimable_benefits import SettingsError
from claimable_benefits.service.account.history import Entry
from claimable_benefits.web.addresses import order_url
from claimable_benefits.web.order_record import benefits_record
from tests.web.demo import demo
from tests.web.page_data import NOW, PageData, make_shop
from tests.web.reading import Element, forms, read_page

ENDPOINTS = {
    "BENEFITS_LOGIN_URL": "sign_in_page",
    "BENEFITS_CHECKOUT_URL": "checkout",
    "BENEFITS_ORDER_URL": "order",
}
PATHS = {
    "BENEFITS_LOGIN_URL": "/login",
    "BENEFITS_CHECKOUT_URL": "/checkout",
    "BENEFITS_ORDER_URL": "/orders/{order_number}",
}
every_way = pytest.mark.parametrize("config", [ENDPOINTS, PATHS], ids=["endpoints", "paths"])
at_each_prefix = pytest.mark.parametrize("prefix", ["", "/shop", "/a/b"])


def shop_of(data: PageData, config: dict[str, str]) -> Flask:
    """A shop with a page to sign in, and an order in Mia's history."""
    app = make_shop(data, config)
    app.add_url_rule("/login", "sign_in_page", lambda: redirect(request.args["next"]))
    data.histories["mia"] = (Entry("10% off", NOW, "checkout", order_number="A 1", use_id="u1"),)
    return app


def behind_a_proxy(app: Flask, prefix: str) -> Client:
    """A browser behind a proxy that names its prefix, signed in as Mia."""
    app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1)  # type: ignore[method-assign]
    client = app.test_client()
    client.environ_base["HTTP_X_FORWARDED_PREFIX"] = prefix
    return client


def addresses(page: Element) -> list[str]:
    """Every address in a page, the browser's own ``#`` left out."""
    found = [
        element.attributes[name]
        for tag, name in (("a", "href"), ("link", "href"), ("form", "action"), ("img", "src"))
        for element in page.all(tag)
    ]
    fields = [field for form in forms(page).values() for name, field in form.fields.items() if name == "next"]
    return [address for address in [*found, *fields] if not address.startswith("#")]


@pytest.fixture
def data() -> PageData:
    return demo()


@every_way
@at_each_prefix
def test_below_a_prefix_every_address_of_every_page_has_it(data: PageData, config: dict[str, str], prefix: str) -> None:
    client = behind_a_proxy(shop_of(data, config), prefix)
    guests = read_page(client.get("/account/benefits").text)
    client.get("/sign-in/mia")
    pages = ["/account/benefits", "/account/benefits/held/b-lounge", "/checkout", "/account/benefits/held/none"]
    found = {path: addresses(read_page(client.get(path).text)) for path in pages} | {"guest": addresses(guests)}

    every = [address for several in found.values() for address in several if "://" not in address]
    assert len(every) > 20
    assert [address for address in every if not address.startswith(f"{prefix}/")] == []
    assert f"{prefix}/checkout" in found["/account/benefits"]
    assert f"{prefix}/orders/A%201" in found["/account/benefits"]
    assert f"{prefix}/" in found["/account/benefits"]
    assert f"{prefix}/login?next={prefix}/account/benefits" in found["guest"]


@every_way
@at_each_prefix
def test_below_a_prefix_every_button_leads_back_below_it(data: PageData, config: dict[str, str], prefix: str) -> None:
    client = behind_a_proxy(shop_of(data, config), prefix)
    client.get("/sign-in/mia")
    ways = {}
    for path in ("/account/benefits", "/checkout"):
        for label, form in forms(read_page(client.get(path).text)).items():
            answer = client.post(form.action.removeprefix(prefix), data=form.fields)
            ways[label] = answer.location

    assert len(ways) == 7
    assert [
        way for way in ways.values() if not way.startswith((f"{prefix}/account/benefits", f"{prefix}/checkout"))
    ] == []


@at_each_prefix
def test_below_a_prefix_a_guest_comes_back_after_signing_in(data: PageData, prefix: str) -> None:
    client = behind_a_proxy(shop_of(data, PATHS), prefix)
    link = read_page(client.get("/account/benefits").text).one(
        "a", href=f"{prefix}/login?next={prefix}/account/benefits"
    )

    answer = client.get(link.attributes["href"].removeprefix(prefix))

    assert answer.location == f"{prefix}/account/benefits"


@at_each_prefix
def test_below_a_prefix_the_stylesheet_is_found(data: PageData, prefix: str) -> None:
    client = behind_a_proxy(shop_of(data, PATHS), prefix)
    page = read_page(client.get("/account/benefits").text)
    stylesheet = page.all("link")[0].attributes["href"]

    assert stylesheet.startswith(f"{prefix}/account/benefits/static/benefits.css")
    with client.get(stylesheet.removeprefix(prefix)) as answer:
        assert answer.status_code == 200


def test_a_whole_address_stays_as_it_is(data: PageData) -> None:
    config = {
        "BENEFITS_LOGIN_URL": "https://id.shop.example/login?club=1",
        "BENEFITS_CHECKOUT_URL": "https://shop.example/checkout",
        "BENEFITS_ORDER_URL": "https://shop.example/orders/{order_number}",
    }
    client = behind_a_proxy(shop_of(data, config), "/shop")
    guests = addresses(read_page(client.get("/account/benefits").text))
    client.get("/sign-in/mia")
    own = addresses(read_page(client.get("/account/benefits").text))

    # On another host a path would be a path of that host.
    back_to = "http%3A//localhost/shop/account/benefits"
    assert f"https://id.shop.example/login?club=1&next={back_to}" in guests
    assert {"https://shop.example/checkout", "https://shop.example/orders/A%201"} <= set(own)


@pytest.mark.parametrize("key", ENDPOINTS)
def test_an_endpoint_that_the_app_does_not_have_is_said_with_its_key(data: PageData, key: str) -> None:
    client = shop_of(data, ENDPOINTS | {key: "no.such_page"}).test_client()

    if key != "BENEFITS_LOGIN_URL":
        client.get("/sign-in/mia")

    with pytest.raises(SettingsError) as refused:
        client.get("/account/benefits")

    assert refused.value.key == key
    assert "Write the name of an endpoint" in refused.value.remedy


def test_the_panel_stays_calm_with_an_endpoint_that_the_app_does_not_have(data: PageData) -> None:
    client = shop_of(data, {"BENEFITS_LOGIN_URL": "no.such_page"}).test_client()

    answer = client.get("/checkout")

    assert (answer.status_code, "You can check out as usual" in answer.text) == (200, True)


def rule_of_two_values(language: str, number: str) -> ResponseReturnValue:
    return f"{language} {number}"


@pytest.mark.parametrize(
    ("rule", "address"),
    [
        ("/o/<order_number>", "/o/7"),
        ("/<part>/o/<order_number>", None),
        ("/o/<anything>", "/o/7"),
        ("/<language>/o/<anything>", "/de/o/7"),
        ("/o", None),
        ("/<x>/<y>/<z>", None),
    ],
)
def test_an_endpoint_takes_the_order_number_as_its_own_value(data: PageData, rule: str, address: str | None) -> None:
    app = make_shop(data, {"BENEFITS_ORDER_URL": "of_order"})
    app.add_url_rule(rule, "of_order", rule_of_two_values)

    @app.url_defaults
    def language(endpoint: str, values: dict[str, str]) -> None:
        if app.url_map.is_endpoint_expecting(endpoint, "language"):
            values.setdefault("language", "de")

    with app.test_request_context("/"):
        if address:
            assert order_url("7") == address
        else:
            with pytest.raises(SettingsError, match="BENEFITS_ORDER_URL"):
                order_url("7")


def test_outside_a_request_the_apps_own_settings_say_where_it_is(data: PageData) -> None:
    """A worker writes an e-mail: Flask builds whole addresses from SERVER_NAME and APPLICATION_ROOT."""
    config = {"SERVER_NAME": "shop.example", "APPLICATION_ROOT": "/shop", "PREFERRED_URL_SCHEME": "https"}
    app = shop_of(data, ENDPOINTS | config)
    by_path = shop_of(data, PATHS | config)
    with app.app_context():
        endpoint, record = order_url("7"), benefits_record("1001")
    with by_path.app_context():
        path = order_url("7")

    assert (endpoint, path) == ("https://shop.example/shop/orders/7", "/shop/orders/7")
    assert "https://shop.example/shop/account/benefits/static/benefits.css" in record
    assert "cannot be shown" not in record
