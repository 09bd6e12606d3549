"""Two apps with two tenants over one database and in one process; secret key, customers and numbers are the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from claimable_benefits.service.account.history import remembered_history
from tests.support.postgres import Postgres
from tests.test_extension import MIA, Shop, close, open_shop
from tests.web.reading import forms, read_page

ONE, TWO = "http://127.0.0.1:7001/api/v3", "http://127.0.0.1:7002/api/v3"


@pytest.fixture(params=["sqlite", "postgresql"])
def shops(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Shop, Shop]]:
    if request.param == "sqlite":
        yield from both(tmp_path, f"sqlite:///{tmp_path / 'shop.sqlite3'}")
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    with postgres.empty_database() as url:
        yield from both(tmp_path, url.replace("postgresql:", "postgresql+psycopg:"))


def both(folder: Path, url: str) -> Iterator[tuple[Shop, Shop]]:
    shared = {"SQLALCHEMY_ENGINES": {"default": url}}
    one = open_shop(folder / "one", OMNEO_BASE_URL=ONE, **shared)
    two = open_shop(folder / "two", OMNEO_BASE_URL=TWO, **shared)
    yield one, two
    close(two)
    close(one)


def place(shop: Shop, number: str) -> None:
    with shop.app.test_request_context("/checkout"):
        shop.apply("first-spend")
        shop.open(number)
        with shop.benefits.redeeming(number):
            pass
        shop.benefits.submit(shop.sale(number), session=shop.db.session)
        shop.db.session.commit()


def numbers_at_omneo(shop: Shop, *numbers: str) -> list[str]:
    return [str(t["external_id"]) for t in shop.at_omneo("transactions") if t["external_id"] in numbers]


def history(shop: Shop) -> set[str | None]:
    """The order numbers in Mia's history that are of this test."""
    with shop.app.app_context():
        entries = remembered_history(shop.runtime().context, MIA, ask=True).entries
    return {entry.order_number for entry in entries} & {"A1", "B1"}


def test_two_apps_with_two_tenants_over_one_database_deliver_each_to_its_own(shops: tuple[Shop, Shop]) -> None:
    one, two = shops
    place(one, "A1")

    assert run(two) == 0  # the worker of app two is the first to run
    assert (numbers_at_omneo(one, "A1"), numbers_at_omneo(two, "A1")) == ([], [])
    assert run(one) == 1

    assert (numbers_at_omneo(one, "A1"), numbers_at_omneo(two, "A1")) == (["A1"], [])
    place(two, "B1")
    assert (run(one), run(two)) == (0, 1)
    assert (numbers_at_omneo(one, "A1", "B1"), numbers_at_omneo(two, "A1", "B1")) == (["A1"], ["B1"])


def run(shop: Shop) -> int:
    with shop.app.app_context():
        return shop.benefits.run_once().delivered


def test_a_shopper_of_one_app_does_not_see_the_history_of_the_other(shops: tuple[Shop, Shop]) -> None:
    one, two = shops
    place(one, "A1")

    assert (history(one), history(two)) == ({"A1"}, set())
    with two.app.test_request_context("/checkout"):
        assert two.benefits.record("A1") is None
        assert two.benefits.applied() is None
        assert two.benefits.rollback("A1") is False


def test_a_benefit_that_is_held_in_one_app_is_not_held_in_the_other(shops: tuple[Shop, Shop]) -> None:
    one, two = shops
    for shop in (one, two):  # the same profile, benefit and cart by their texts
        with shop.app.test_request_context("/checkout"):
            shop.apply("first-spend")
            assert shop.benefits.applied() is not None


def test_a_form_of_one_app_is_a_clear_400_page_in_the_other(shops: tuple[Shop, Shop]) -> None:
    one, two = shops
    page = read_page(one.app.test_client().get("/account/benefits").text)
    form = next(form for form in forms(page).values() if form.action.endswith("/claim"))

    answer = two.app.test_client().post(form.action, data=form.fields)

    assert answer.status_code == 400
    assert read_page(answer.text).one("h1").text == "That did not work"
    assert one.app.test_client().post(form.action, data=form.fields).status_code == 303


def test_each_app_keeps_its_shop_whatever_prefix_it_gets_later(tmp_path: Path) -> None:
    shared = {"SQLALCHEMY_ENGINES": {"default": f"sqlite:///{tmp_path / 'shop.sqlite3'}"}, "OMNEO_BASE_URL": ONE}
    first = open_shop(tmp_path / "one", **shared)
    place(first, "A1")
    close(first)
    prefixes = {"BENEFITS_ORDER_PREFIX": "b-", "BENEFITS_REFERENCE_PREFIX": "another"}

    later = open_shop(tmp_path / "one", **prefixes, **{**shared, "OMNEO_BASE_URL": "HTTP://127.0.0.1:7001/api/v3/"})

    assert run(later) == 1
    assert numbers_at_omneo(later, "A1", "b-A1") == ["A1"]
    close(later)
