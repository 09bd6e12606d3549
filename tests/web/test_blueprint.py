"""Where the pages are, and how a shop replaces a template."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Blueprint, Flask, render_template_string
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client
from werkzeug.wrappers import Response

from claimable_benefits import SettingsError
from claimable_benefits.web.blueprint import make_blueprint
from claimable_benefits.web.rendering.templates import templates_folder
from tests.web.conftest import Browser
from tests.web.page_data import PageData, make_shop
from tests.web.reading import forms, read_page, region

OURS = sorted(path.name for path in (templates_folder() / "claimable_benefits").glob("*.html"))


def paths(app: Flask) -> list[str]:
    return sorted(str(rule) for rule in app.url_map.iter_rules() if "claimable_benefits" in rule.endpoint)


def under(account: str, checkout: str) -> list[str]:
    pages = ("", "/fragment", "/claimable/<handle>", "/held/<benefit_id>", "/uses/<use_id>", "/static/<path:filename>")
    posts = ("/claim", "/claim-and-redeem", "/use", "/webhook")
    forms_of_the_cart = [f"{checkout}/{name}" for name in ("apply", "move", "remove", "panel")]
    return sorted([f"{account}{name}" for name in (*pages, *posts)] + forms_of_the_cart)


@pytest.mark.parametrize(
    ("options", "account", "checkout"),
    [
        ({}, "/account/benefits", "/account/benefits/checkout"),
        ({"url_prefix": "/club"}, "/club", "/club/checkout"),
        (
            {"url_prefix": "/account/benefits", "checkout_prefix": "/checkout/benefits"},
            "/account/benefits",
            "/checkout/benefits",
        ),
        ({"url_prefix": "/club", "checkout_prefix": "/buy/"}, "/club", "/buy"),
    ],
)
def test_the_prefixes_say_where_everything_is(
    data: PageData, options: dict[str, str], account: str, checkout: str
) -> None:
    app = make_shop(data, register=False)
    app.register_blueprint(make_blueprint(data.services()), **options)

    assert paths(app) == under(account, checkout)


def test_the_buttons_post_to_where_the_blueprint_is(data: PageData) -> None:
    app = make_shop(data, register=False)
    app.register_blueprint(make_blueprint(data.services()), url_prefix="/club")
    mia = Browser(app.test_client(), "mia")
    found = forms(mia.read("/club")) | forms(mia.read("/checkout"))

    assert {form.action for form in found.values()} == {
        "/club/claim",
        "/club/claim-and-redeem",
        "/club/use",
        "/club/checkout/apply",
        "/club/checkout/move",
        "/club/checkout/remove",
    }
    assert {mia.send(form).status_code for form in found.values()} == {303}


def test_two_mounts_in_one_app_lead_to_themselves(data: PageData) -> None:
    app = make_shop(data)
    blueprint = make_blueprint(data.services())
    app.register_blueprint(blueprint, url_prefix="/club", name="club")
    mia = Browser(app.test_client(), "mia")

    assert mia.form("Claim Free Shipping", "/club").action == "/club/claim"
    assert mia.form("Claim Free Shipping").action == "/account/benefits/claim"
    assert mia.form("Apply 10% off", "/checkout").action == "/checkout/benefits/apply"


def test_the_blueprint_may_be_inside_another(data: PageData) -> None:
    app = make_shop(data, register=False)
    parent = Blueprint("members", "members", url_prefix="/members")
    parent.register_blueprint(make_blueprint(data.services()), url_prefix="/benefits")
    app.register_blueprint(parent)
    mia = Browser(app.test_client(), "mia")

    assert mia.form("Claim Free Shipping", "/members/benefits").action == "/members/benefits/claim"
    assert mia.form("Apply 10% off", "/checkout").action == "/members/benefits/checkout/apply"
    assert mia.press("Claim Free Shipping", "/members/benefits").location == "/members/benefits"


def test_one_blueprint_serves_several_apps(data: PageData) -> None:
    blueprint = make_blueprint(data.services())
    apps = [make_shop(data, register=False) for _ in range(2)]
    for number, app in enumerate(apps):
        app.register_blueprint(blueprint, url_prefix=f"/club-{number}")

    pages = [Browser(app.test_client(), "mia").read(f"/club-{number}") for number, app in enumerate(apps)]
    assert [forms(page)["Claim Free Shipping"].action for page in pages] == ["/club-0/claim", "/club-1/claim"]


def test_below_a_path_of_the_server_every_address_has_it(data: PageData) -> None:
    server = DispatcherMiddleware(Response("elsewhere", status=404), {"/shop": make_shop(data)})
    client = Client(server)
    client.get("/shop/sign-in/mia")
    button = forms(read_page(client.get("/shop/checkout").text))["Apply 10% off"]
    answer = client.post(button.action, data=button.fields)

    assert (button.action, answer.location) == ("/shop/checkout/benefits/apply", "/shop/checkout")


@pytest.mark.parametrize("prefix", ["", "/", "//", "club", "//club"])
@pytest.mark.parametrize("key", ["url_prefix", "checkout_prefix"])
def test_a_prefix_at_the_root_or_without_a_slash_is_refused(data: PageData, key: str, prefix: str) -> None:
    app = make_shop(data, register=False)

    with pytest.raises(SettingsError) as refused:
        app.register_blueprint(make_blueprint(data.services()), **{"url_prefix": "/club", key: prefix})

    assert refused.value.key == key
    assert "or leave it out" in refused.value.remedy
    assert paths(app) == []


@pytest.mark.parametrize(
    ("options", "account"), [({"url_prefix": None}, "/account/benefits"), ({}, "/account/benefits")]
)
def test_without_a_prefix_the_usual_one_counts(data: PageData, options: dict[str, None], account: str) -> None:
    app = make_shop(data, register=False)
    app.register_blueprint(make_blueprint(data.services()), **options)

    assert paths(app) == under(account, f"{account}/checkout")


def test_a_prefix_may_end_with_a_slash(data: PageData) -> None:
    app = make_shop(data, register=False)
    app.register_blueprint(make_blueprint(data.services()), url_prefix="/club/")
    mia = Browser(app.test_client(), "mia")

    assert mia.press("Claim Free Shipping", "/club/").location == "/club/"


@pytest.mark.parametrize(
    ("pages", "panel"), [({"subdomain": "club"}, "shop.example"), ({"checkout_subdomain": "pay"}, "pay.shop.example")]
)
def test_the_panels_forms_post_to_the_host_on_which_the_panel_is(
    data: PageData, pages: dict[str, str], panel: str
) -> None:
    """The pages may be on another host; the checkout page and the rules of its forms are on one."""
    app = make_shop(data, {"SERVER_NAME": "shop.example"}, register=False, subdomain_matching=True)
    app.register_blueprint(make_blueprint(data.services()), url_prefix="/club", checkout_prefix="/buy", **pages)
    app.add_url_rule("/checkout", "on a subdomain", app.view_functions["checkout"], subdomain="pay")
    app.add_url_rule("/sign-in/<customer_id>", "sign in there", app.view_functions["sign_in"], subdomain="pay")
    client = app.test_client()
    base, headers = f"http://{panel}", {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{panel}"}
    client.get("/sign-in/mia", base_url=base)
    button = forms(read_page(client.get("/checkout", base_url=base).text))["Apply 10% off"]

    answer = client.post(button.action, data=button.fields, base_url=base, headers=headers)

    assert (button.action, answer.status_code, answer.location) == ("/buy/apply", 303, "/checkout")


def test_a_subdomain_never_gets_the_rules_of_the_cart(data: PageData) -> None:
    app = make_shop(data, {"SERVER_NAME": "shop.example"}, register=False, subdomain_matching=True)
    app.register_blueprint(make_blueprint(data.services()), url_prefix="/club", subdomain="club")
    rules = [rule for rule in app.url_map.iter_rules() if "claimable_benefits" in rule.endpoint]

    subdomains = {str(rule): rule.subdomain for rule in rules}
    assert [name for name, subdomain in subdomains.items() if subdomain != "club"] == [
        "/club/checkout/apply",
        "/club/checkout/remove",
        "/club/checkout/move",
        "/club/checkout/panel",
    ]


def test_the_login_address_may_have_a_query_already(data: PageData) -> None:
    app = make_shop(data, {"BENEFITS_LOGIN_URL": "/login?club=1"})
    page = Browser(app.test_client()).read()

    assert page.one("a", href="/login?club=1&next=/account/benefits").text == "Sign in"


def with_templates(data: PageData, folder: Path, **files: str) -> Browser:
    (folder / "claimable_benefits").mkdir(exist_ok=True)
    for name, content in files.items():
        place = folder / "claimable_benefits" if name != "layout" else folder
        (place / f"{name}.html").write_text(content, encoding="utf-8")
    config = {"BENEFITS_BASE_TEMPLATE": "layout.html"} if "layout" in files else {}
    return Browser(make_shop(data, config, template_folder=folder).test_client(), "mia")


def test_a_file_of_the_shops_extends_the_one_it_replaces(data: PageData, tmp_path: Path) -> None:
    override = (
        '{% extends "claimable_benefits:list.html" %}'
        "{% block cb_title %}{{ super() }}<p>Hello from the shop</p>{% endblock %}"
    )
    page = with_templates(data, tmp_path, list=override).read()

    assert page.one("h1").text == "Your benefits"
    assert "Hello from the shop" in page.text
    assert "Claim Free Shipping" in forms(page)


def test_a_section_of_the_wallet_can_be_replaced(data: PageData, tmp_path: Path) -> None:
    override = (
        '{% extends "claimable_benefits:wallet.html" %}{% block cb_usable %}<p>Nothing to use today.</p>{% endblock %}'
    )
    page = with_templates(data, tmp_path, wallet=override).read()

    assert "Nothing to use today." in page.text
    assert list(forms(page)) == [
        "Claim Free Shipping",
        "Claim Complimentary Alterations",
        "Claim and use Prize Draw Entry now",
    ]


def test_a_card_of_the_shops_gets_everything_that_ours_gets(data: PageData, tmp_path: Path) -> None:
    override = (
        '{% import "claimable_benefits:cards.html" as ours %}{% set usable = ours.usable %}'
        '{% import "claimable_benefits/parts.html" as parts %}'
        "{% macro claimable(card, id) %}<b>{{ card.definition.handle }}</b>{{ parts.button(card.claim) }}{% endmacro %}"
    )
    page = with_templates(data, tmp_path, cards=override).read()

    assert [item.text for item in page.all("b")] == ["free-shipping", "alterations", "prize-draw"]
    assert "Claim Free Shipping" in forms(page)
    assert len(page.all("h3")) == len(page.all("div", **{"class": "cb-card__foot"})) > 0  # those to use are ours


def test_the_small_pieces_can_be_replaced_too(data: PageData, tmp_path: Path) -> None:
    ours = (templates_folder() / "claimable_benefits" / "parts.html").read_text(encoding="utf-8")
    page = with_templates(data, tmp_path, parts=ours.replace("cb-button", "their-button")).read()

    assert {tuple(button.classes) for button in page.all("button")} == {("their-button",)}


def test_the_panel_of_the_shops_extends_ours(data: PageData, tmp_path: Path) -> None:
    override = (
        '{% extends "claimable_benefits:panel.html" %}'
        "{% block cb_panel_styles %}{% endblock %}"
        "{% block cb_panel_title %}<h3 id='cb-panel-title'>Perks</h3>{% endblock %}"
    )
    page = with_templates(data, tmp_path, panel=override).read("/checkout")

    assert "Apply 10% off" in forms(region(page, "Perks"))
    assert page.all("link") == []


def test_pages_stand_in_the_shops_own_layout(data: PageData, tmp_path: Path) -> None:
    layout = (
        "<!doctype html><title>{% block title %}{% endblock %} - Shop</title>{% block head %}{% endblock %}"
        "<nav>Our own</nav>{% block content %}{% endblock %}"
    )
    page = with_templates(data, tmp_path, layout=layout).read()

    assert page.one("title").text == "Your benefits - Shop"
    assert page.one("nav").text == "Our own"
    assert page.one("link", rel="stylesheet").attributes["href"].startswith("/account/benefits/static/benefits.css")


@pytest.mark.parametrize("path", ["/account/benefits/held/b-lounge", "/account/benefits/held/nope"])
def test_other_pages_stand_there_too(data: PageData, tmp_path: Path, path: str) -> None:
    layout = "<nav>Our own</nav>{% block content %}{% endblock %}"
    page = read_page(with_templates(data, tmp_path, layout=layout).get(path).text)

    assert page.one("nav").text == "Our own"
    assert len(page.all("h1")) == 1


@pytest.mark.parametrize("name", OURS)
def test_every_template_can_be_reached_under_both_names(shop: Flask, name: str) -> None:
    theirs, ours = (shop.jinja_env.get_template(f"claimable_benefits{sign}{name}") for sign in "/:")

    assert theirs.filename == ours.filename == str(templates_folder() / "claimable_benefits" / name)


@pytest.mark.parametrize("name", OURS)
def test_no_template_needs_inline_script_or_style(name: str) -> None:
    text = (templates_folder() / "claimable_benefits" / name).read_text(encoding="utf-8")
    text = text.replace('<script src="{{ loading.script }}" defer', "")  # a file, which a strict policy allows

    assert [word for word in ("<script", "<style", " style=", " onclick", "javascript:") if word in text] == []


def test_every_block_of_ours_has_the_prefix_or_is_of_the_layout() -> None:

    files = [(templates_folder() / "claimable_benefits" / name).read_text(encoding="utf-8") for name in OURS]
    blocks = {block for text in files for block in re.findall(r"{% block (\w+)", text)}

    assert {block for block in blocks if not block.startswith("cb_")} == {"title", "head", "content"}


def test_the_two_functions_are_there_for_every_template(shop: Flask) -> None:
    with shop.test_request_context("/"):
        text = render_template_string("{{ benefits_panel() }}{{ benefits_record('1001') }}")

    assert [section.attributes["class"] for section in read_page(text).all("section")] == [
        "cb cb-panel",
        "cb cb-record",
    ]
