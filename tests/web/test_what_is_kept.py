"""A region is rendered once and printed often: its tokens are always fresh, and it never outlives what it says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jinja2 import ChoiceLoader, DictLoader

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.service.account.wallet_view import Wallet, WalletPreview
from claimable_benefits.web.blueprint import make_blueprint
from claimable_benefits.web.services import Services
from tests.web.conftest import Browser
from tests.web.reading import forms
from tests.web.world import ACCOUNT, NOW, Extension, World, definition, held, make_shop

HERE = "/account/benefits"


class Wallets:
    """Where the pages keep what they have rendered."""

    def __init__(self) -> None:
        self.fragments: LruCache[object] = LruCache(entries=100, weight=1_000_000)


class Remembering(Extension):
    """An extension whose context has wallets."""

    wallets = Wallets()

    @property
    def context(self) -> object:  # type: ignore[override] # a stand-in, as in the world
        found = super().context
        found.wallets = self.wallets  # type: ignore[misc,assignment]
        return found


class Counted:
    """A world whose wallet has a version, and that counts how often it is put together."""

    def __init__(self, world: World) -> None:
        self.world, self.opened, self.version, self.age = world, 0, "1", 0.0

    def services(self) -> Services:
        return replace(
            self.world.services(),
            preview_wallet=lambda _, shopper: WalletPreview(lambda: self._open(shopper), self.version, self.age),
        )

    def _open(self, shopper: Shopper) -> Wallet:
        self.opened += 1
        return self.world.wallets[shopper.customer_id]


@pytest.fixture
def counted(world: World) -> Counted:
    return Counted(world)


def browser(
    counted: Counted,
    *,
    templates: dict[str, str] | None = None,
    csrf: Iterator[str] | None = None,
    config: dict[str, str] | None = None,
) -> Browser:
    app = make_shop(counted.world, config, register=False)
    old = app.extensions["claimable_benefits"]
    new = Remembering(old.world, old.settings)
    new.__class__.wallets = Wallets()
    app.extensions["claimable_benefits"] = new
    app.register_blueprint(make_blueprint(counted.services()), url_prefix=HERE)
    if templates:
        app.jinja_loader = ChoiceLoader([DictLoader(templates), *([app.jinja_loader] if app.jinja_loader else [])])
    if csrf:
        app.jinja_env.globals["csrf_token"] = lambda: next(csrf)
    return Browser(app.test_client(), "mia")


def test_the_second_page_is_the_first_with_fresh_tokens(counted: Counted) -> None:
    mia = browser(counted)
    first, second = mia.read().text, mia.read().text
    tokens = [[form.fields["cb_token"] for form in forms(mia.read()).values()] for _ in range(2)]

    assert counted.opened == 1
    assert not set(tokens[0]) & set(tokens[1])
    assert first == second


def test_a_kept_button_works_and_a_click_on_each_of_its_pages_is_another_one(counted: Counted) -> None:
    mia = browser(counted)
    buttons = [mia.form("Claim Free Shipping") for _ in range(3)]
    statuses = [mia.send(button).status_code for button in buttons]

    assert statuses == [303] * 3
    assert len({call[3] for call in counted.world.calls}) == 3


def test_a_hosts_own_token_is_fresh_on_each_page(counted: Counted) -> None:
    mia = browser(counted, csrf=(f"<token {number}>" for number in range(100)))
    fields = [forms(mia.read())["Claim Free Shipping"].fields["csrf_token"] for _ in range(3)]

    assert len(set(fields)) == 3
    assert all(field.startswith("<token ") for field in fields)


def test_another_version_is_rendered_anew(counted: Counted) -> None:
    mia = browser(counted)
    mia.read()
    counted.version = "2"
    counted.world.wallets["mia"] = Wallet(True, claimable=(definition("new", "Brand new"),))

    assert "Claim Brand new" in forms(mia.read())


def test_what_ends_today_is_not_kept_until_tomorrow(counted: Counted) -> None:
    counted.world.wallets["mia"] = Wallet(
        True, usable=(held("b", definition("x", "Thing"), expires_at=NOW + timedelta(hours=30)),)
    )
    mia = browser(counted)
    before = mia.read().text
    counted.world.now += timedelta(hours=24)
    after = mia.read().text

    assert ("Ends tomorrow" in before, "Ends today" in after) == (True, True)


@pytest.mark.parametrize("step", [timedelta(hours=31), timedelta(days=-3650), timedelta(days=3650)])
def test_it_ends_with_what_it_says_whichever_way_the_clock_steps(counted: Counted, step: timedelta) -> None:
    counted.world.wallets["mia"] = Wallet(
        True, usable=(held("b", definition("x", "Thing"), ACCOUNT, expires_at=NOW + timedelta(hours=30)),)
    )
    mia = browser(counted)
    mia.read()
    counted.world.now += step
    mia.read()

    assert counted.opened == 2


def test_another_language_or_zone_is_rendered_anew(counted: Counted) -> None:
    ends = datetime(2025, 6, 20, 13, 59, 59, tzinfo=UTC)
    counted.world.wallets["mia"] = Wallet(True, usable=(held("b", definition("x", "Thing"), expires_at=ends),))
    mia = browser(counted)
    english = mia.read().text
    counted.world.shoppers["mia"] = Shopper("mia", timezone="Europe/Paris", locale="de-DE")
    german = mia.read().text

    assert ("20 June 2025" in english, "20. Juni 2025" in german) == (True, True)


def test_one_shoppers_region_is_never_anothers(counted: Counted) -> None:
    counted.world.shoppers["leo"] = Shopper("leo", timezone="Australia/Melbourne", locale="en_AU")
    counted.world.wallets["leo"] = Wallet(True, usable=(held("l", definition("leos", "Leo's own")),))
    mia = browser(counted)
    leo = Browser(mia.client.application.test_client(), "leo")
    pages = [each.read().text for each in (mia, leo, mia, leo)]

    assert ["Leo's own" in page for page in pages] == [False, True, False, True]


@pytest.mark.parametrize("name", ["list.html", "parts.html", "cards.html"])
def test_a_shops_own_template_is_rendered_each_time(counted: Counted, name: str) -> None:
    own = (
        f'{{% extends "claimable_benefits:{name}" %}}'
        if name == "list.html"
        else Path(f"templates/claimable_benefits/{name}").read_text(encoding="utf-8")
    )
    mia = browser(counted, templates={f"claimable_benefits/{name}": own})
    buttons = [mia.form("Claim Free Shipping") for _ in range(2)]

    assert counted.opened == 2
    assert [mia.send(button).status_code for button in buttons] == [303, 303]


LAYOUT = "<title>Shop</title>{{ next_number() }}{% block head %}{% endblock %}{% block content %}{% endblock %}"


def test_a_shops_own_layout_is_rendered_each_time(counted: Counted) -> None:
    mia = browser(counted, templates={"layout.html": LAYOUT}, config={"BENEFITS_BASE_TEMPLATE": "layout.html"})
    numbers = iter(range(100))
    mia.client.application.jinja_env.globals["next_number"] = lambda: f"visit {next(numbers)}"
    pages = [mia.read().text for _ in range(3)]

    assert counted.opened == 1
    assert [f"visit {number}" in page for number, page in enumerate(pages)] == [True] * 3


def test_a_sentence_for_one_page_is_on_that_page_only(counted: Counted) -> None:
    mia = browser(counted)
    plain = [mia.read().text for _ in range(2)]
    mia.send(mia.form("Claim Free Shipping"))
    after = [mia.read().text for _ in range(3)]

    assert counted.opened == 1
    assert [page == plain[0] for page in (*plain, *after)] == [True, True, False, True, True]


def test_how_old_a_shelf_is_is_on_the_page_of_that_moment_only(counted: Counted) -> None:
    mia = browser(counted)
    pages = []
    for age in (0.0, 600.0, 0.0, 1200.0):
        counted.age = age
        pages.append(mia.read().text)

    assert counted.opened == 1
    assert ["As of" in page for page in pages] == [False, True, False, True]
    assert pages[1] != pages[3]


def test_a_text_of_omneos_cannot_stand_in_for_a_token(counted: Counted) -> None:
    from claimable_benefits.web.forms import buttons

    counted.world.wallets["mia"] = Wallet(True, claimable=(definition("x", "Thing", short_description="0-0- -1-"),))
    mia = browser(counted)
    pages = [mia.get(HERE).text for _ in range(3)]

    assert all("0-0- -1-" in page for page in pages)
    assert not any(mark in page for page in pages for mark in (buttons._OURS, buttons._HOSTS))
