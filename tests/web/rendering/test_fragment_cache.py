"""A page is rendered once and served often: its tokens are always fresh, and no sentence in it is out of date."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask, g, template_rendered
from jinja2 import ChoiceLoader, DictLoader
from jinja2.meta import find_referenced_templates

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.service.account.wallet_view import Wallet, WalletPreview
from claimable_benefits.web.blueprint import make_blueprint
from claimable_benefits.web.rendering.templates import TEMPLATES_OF, templates_folder
from claimable_benefits.web.services import Services
from tests.web.conftest import Browser
from tests.web.page_data import ACCOUNT, NOW, PageData, definition, held, make_shop
from tests.web.reading import forms, read_page

HERE = "/account/benefits"


class CountedLoads:
    """Page data whose wallet has a version; counts how often the wallet is loaded."""

    def __init__(self, data: PageData) -> None:
        self.data, self.loads, self.version, self.age = data, 0, "1", 0.0

    def services(self) -> Services:
        return replace(
            self.data.services(),
            preview_wallet=lambda _, shopper, **_options: WalletPreview(
                lambda: self._load(shopper), self.version, self.age
            ),
        )

    def _load(self, shopper: Shopper) -> Wallet:
        self.loads += 1
        return self.data.wallets[shopper.customer_id]


@pytest.fixture
def counted(data: PageData) -> CountedLoads:
    return CountedLoads(data)


def browser(
    counted: CountedLoads,
    *,
    templates: dict[str, str] | None = None,
    csrf: Iterator[str] | None = None,
    config: dict[str, str] | None = None,
) -> Browser:
    app = make_shop(counted.data, config, register=False)
    blueprint = make_blueprint(counted.services())
    app.register_blueprint(blueprint, url_prefix=HERE)
    app.register_blueprint(blueprint, url_prefix="/club", name="club")
    if templates:
        app.jinja_loader = ChoiceLoader([DictLoader(templates), *([app.jinja_loader] if app.jinja_loader else [])])
    if csrf:
        app.jinja_env.globals["csrf_token"] = lambda: next(csrf)
    return Browser(app.test_client(), "mia")


def test_the_second_page_is_the_first_with_fresh_tokens(counted: CountedLoads) -> None:
    mia = browser(counted)
    first, second = mia.read().text, mia.read().text
    tokens = [[form.fields["cb_token"] for form in forms(mia.read()).values()] for _ in range(2)]

    assert counted.loads == 1
    assert not set(tokens[0]) & set(tokens[1])
    assert first == second


def test_a_cached_button_works_and_each_page_has_its_own_click(counted: CountedLoads) -> None:
    mia = browser(counted)
    buttons = [mia.form("Claim Free Shipping") for _ in range(3)]
    statuses = [mia.send(button).status_code for button in buttons]

    assert statuses == [303] * 3
    assert len({call[3] for call in counted.data.calls}) == 3


def test_a_hosts_own_token_is_fresh_on_each_page(counted: CountedLoads) -> None:
    mia = browser(counted, csrf=(f"<token {number}>" for number in range(100)))
    fields = [forms(mia.read())["Claim Free Shipping"].fields["csrf_token"] for _ in range(3)]

    assert len(set(fields)) == 3
    assert all(field.startswith("<token ") for field in fields)


def test_another_version_is_rendered_again(counted: CountedLoads) -> None:
    mia = browser(counted)
    mia.read()
    counted.version = "2"
    counted.data.wallets["mia"] = Wallet(True, claimable=(definition("new", "Brand new"),))

    assert "Claim Brand new" in forms(mia.read())


def test_what_ends_today_is_not_cached_until_tomorrow(counted: CountedLoads) -> None:
    counted.data.wallets["mia"] = Wallet(
        True, usable=(held("b", definition("x", "Thing"), expires_at=NOW + timedelta(hours=30)),)
    )
    mia = browser(counted)
    before = mia.read().text
    counted.data.now += timedelta(hours=24)
    after = mia.read().text

    assert ("Ends tomorrow" in before, "Ends today" in after) == (True, True)


@pytest.mark.parametrize("step", [timedelta(hours=31), timedelta(days=-3650), timedelta(days=3650)])
def test_a_page_ends_with_its_benefits_whichever_way_the_clock_steps(counted: CountedLoads, step: timedelta) -> None:
    counted.data.wallets["mia"] = Wallet(
        True, usable=(held("b", definition("x", "Thing"), ACCOUNT, expires_at=NOW + timedelta(hours=30)),)
    )
    mia = browser(counted)
    mia.read()
    counted.data.now += step
    mia.read()

    assert counted.loads == 2


def test_another_language_or_zone_is_rendered_again(counted: CountedLoads) -> None:
    ends = datetime(2025, 6, 20, 13, 59, 59, tzinfo=UTC)
    counted.data.wallets["mia"] = Wallet(True, usable=(held("b", definition("x", "Thing"), expires_at=ends),))
    mia = browser(counted)
    english = mia.read().text
    counted.data.shoppers["mia"] = Shopper("mia", timezone="Europe/Paris", locale="de-DE")
    german = mia.read().text

    assert ("20 June 2025" in english, "20. Juni 2025" in german) == (True, True)


def test_one_shoppers_page_is_never_shown_to_another(counted: CountedLoads) -> None:
    counted.data.shoppers["leo"] = Shopper("leo", timezone="Australia/Melbourne", locale="en_AU")
    counted.data.wallets["leo"] = Wallet(True, usable=(held("l", definition("leos", "Leo's own")),))
    mia = browser(counted)
    leo = Browser(mia.client.application.test_client(), "leo")
    pages = [each.read().text for each in (mia, leo, mia, leo)]

    assert ["Leo's own" in page for page in pages] == [False, True, False, True]


PLACES = {
    "list.html": "{% block content %}",
    "wallet.html": "{% block cb_claimable %}",
    "cards.html": "{% macro claimable(card, id) -%}",
    "parts.html": '{% macro button(form, quiet=false, describedby="") -%}',
    "base.html": '<body class="cb-body">',
}


@pytest.mark.parametrize("name", PLACES)
def test_a_shops_own_template_is_rendered_each_time(counted: CountedLoads, name: str) -> None:
    ours = (templates_folder() / "claimable_benefits" / name).read_text(encoding="utf-8")
    own = ours.replace(PLACES[name], PLACES[name] + "<i>{{ visit() }}</i>")
    mia = browser(counted, templates={f"claimable_benefits/{name}": own})
    visits: list[int] = []
    mia.client.application.jinja_env.globals["visit"] = lambda: len(visits)
    pages = []
    for number in range(3):
        visits[:] = [0] * number
        pages.append({mark.text for mark in mia.read().all("i")})

    assert pages == [{"0"}, {"1"}, {"2"}]
    assert mia.send(mia.form("Claim Free Shipping")).status_code == 303


@pytest.mark.parametrize("name", TEMPLATES_OF)
def test_every_template_that_a_cached_one_uses_is_known(data: PageData, name: str) -> None:
    environment = make_shop(data).jinja_env
    used, open_names = set(), [f"claimable_benefits/{name}"]
    while open_names:
        path = open_names.pop()
        used.add(path.removeprefix("claimable_benefits/"))
        source = (templates_folder() / path).read_text(encoding="utf-8")
        open_names += [found for found in find_referenced_templates(environment.parse(source)) if found]
    layout_and_sections = {"base.html", "wallet.html", "cards.html"} if name == "list.html" else set()

    assert used | layout_and_sections == set(TEMPLATES_OF[name])


LAYOUT = "<title>Shop</title>{{ next_number() }}{% block head %}{% endblock %}{% block content %}{% endblock %}"


def test_a_shops_own_layout_is_rendered_each_time(counted: CountedLoads) -> None:
    mia = browser(counted, templates={"layout.html": LAYOUT}, config={"BENEFITS_BASE_TEMPLATE": "layout.html"})
    numbers = iter(range(100))
    mia.client.application.jinja_env.globals["next_number"] = lambda: f"visit {next(numbers)}"
    pages = [mia.read().text for _ in range(3)]

    assert counted.loads == 1
    assert [f"visit {number}" in page for number, page in enumerate(pages)] == [True] * 3


def test_each_mount_host_and_path_prefix_has_its_own_addresses(counted: CountedLoads) -> None:
    mia = browser(counted)
    places = [(HERE, ""), ("/club", ""), (HERE, "/shop")]

    def actions(path: str, prefix: str) -> set[str]:
        page = read_page(mia.client.get(path, environ_overrides={"SCRIPT_NAME": prefix}).text)
        return {form.action.removesuffix("/claim") for form in forms(page).values() if form.action.endswith("/claim")}

    assert [actions(*place) for place in places * 2] == [{HERE}, {"/club"}, {f"/shop{HERE}"}] * 2


def test_a_language_in_the_address_is_that_of_the_request(counted: CountedLoads) -> None:
    app = make_shop(counted.data, register=False)
    app.register_blueprint(make_blueprint(counted.services()), url_prefix="/<language>/benefits")

    @app.url_value_preprocessor
    def take_language(_: str | None, values: dict[str, Any] | None) -> None:
        g.language = (values or {}).pop("language", "en")

    @app.url_defaults
    def add_language(endpoint: str, values: dict[str, Any]) -> None:
        if app.url_map.is_endpoint_expecting(endpoint, "language"):
            values.setdefault("language", g.language)

    mia = Browser(app.test_client(), "mia")
    actions = [mia.form("Claim Free Shipping", f"/{language}/benefits").action for language in ("en", "de", "en", "de")]

    assert actions == ["/en/benefits/claim", "/de/benefits/claim"] * 2


def test_a_sentence_for_one_page_is_on_that_page_only(counted: CountedLoads) -> None:
    mia = browser(counted)
    plain = [mia.read().text for _ in range(2)]
    mia.send(mia.form("Claim Free Shipping"))
    after = [mia.read().text for _ in range(3)]

    assert counted.loads == 1
    assert [page == plain[0] for page in (*plain, *after)] == [True, True, False, True, True]


def test_the_age_of_a_wallet_is_on_the_page_of_that_moment_only(counted: CountedLoads) -> None:
    mia = browser(counted)
    pages = []
    for age in (0.0, 600.0, 0.0, 1200.0):
        counted.age = age
        pages.append(mia.read().text)

    assert counted.loads == 1
    assert ["As of" in page for page in pages] == [False, True, False, True]
    assert pages[1] != pages[3]


def test_a_text_of_omneos_cannot_stand_in_for_a_token(counted: CountedLoads) -> None:
    """An attacker who knows each value that a page or a template ever had in a button puts all of them into texts."""
    mia = browser(counted, csrf=(f"host-{number}" for number in range(100)))
    handed: list[str] = []

    def note(_: Flask, context: dict[str, Any], **__: object) -> None:
        handed.extend(value for card in context.get("claimable", ()) for _, value in card.claim.fields)

    with template_rendered.connected_to(note, mia.client.application):
        shown = [value for _ in range(2) for value in mia.form("Claim Free Shipping").fields.values()]
    texts = sorted({part for value in (*handed, *shown) for part in (value, *value.split("."))})
    kinds = [definition(f"k{number}", "Thing", short_description=text) for number, text in enumerate(texts)]
    counted.data.wallets["mia"] = Wallet(True, claimable=tuple(kinds))
    counted.version = "2"
    pages = [[one.text for one in mia.read().all("p", class_="cb-card__summary")] for _ in range(3)]

    assert counted.loads == 2
    assert len(handed) > 2
    assert pages == [texts] * 3
