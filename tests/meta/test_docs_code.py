"""The code in the documentation runs, against a real sandbox."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from flask import Flask, render_template_string
from flask.testing import FlaskClient

from claimable_benefits import Cart, ClaimableBenefits, Line, Order, OrderState
from claimable_benefits.domain.policy import read_policies
from claimable_benefits.testing import (
    OmneoClock,
    OmneoFaults,
    OmneoSandbox,
    omneo_clock,
    omneo_faults,
    omneo_sandbox,
    omneo_server,
)
from tests.meta.my_shop import CardDeclined, make_my_shop, sale_of
from tests.meta.pages import PAGES, blocks

__all__ = ["omneo_clock", "omneo_faults", "omneo_sandbox", "omneo_server"]
pytest_plugins = ["pytester"]

# Each page with Python in it is run by a test of this module, or by tests/testing/test_first_test.py.
RUN = {"README.md", "docs/customizing.md", "docs/deployment.md", "docs/testing.md", "docs/values.md"}


@pytest.fixture
def my_shop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    shop = make_my_shop(tmp_path)
    monkeypatch.setitem(sys.modules, "my_shop", shop)
    yield shop
    shop.db.session.close()
    shop.engine.dispose()


@pytest.fixture
def settings(omneo_sandbox: OmneoSandbox, tmp_path: Path) -> dict[str, str]:
    """What a shop needs to reach the sandbox; its policies are those of the page that speaks of them."""
    (tmp_path / "policies.toml").write_text(blocks("docs/configuration.md", "toml")[0], "utf-8")
    return {
        "SECRET_KEY": "documentation",
        "BENEFITS_DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite3'}",
        "BENEFITS_POLICIES": str(tmp_path / "policies.toml"),
        "BENEFITS_WORKER": "off",
        **omneo_sandbox.config,
    }


def run(code: list[str], **names: Any) -> dict[str, Any]:
    """Run blocks of code one after the other, in one namespace."""
    own: dict[str, Any] = {"__name__": "my_shop", **names}
    for number, block in enumerate(code):
        exec(compile(block, f"<block {number}>", "exec"), own)  # noqa: S102 - our own pages
    return own


def show_panel(app: Flask) -> FlaskClient:
    """Give the app a checkout page that shows the panel."""
    app.add_url_rule("/checkout", "checkout", lambda: render_template_string("{{ benefits_panel() }}"))
    return app.test_client()


def press(client: FlaskClient, page: str, label: str) -> None:
    """Press the button of a page."""
    [form] = [one for one in re.findall(r"<form.*?</form>", page, re.DOTALL) if f">{label}<" in one]
    [address] = re.findall(r'action="([^"]+)"', form)
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
    assert client.post(address, data=fields).status_code == 303


def test_every_page_with_python_in_it_is_run() -> None:
    assert {page for page in PAGES if blocks(page, "python")} == RUN


def test_the_shop_of_the_readme_runs_as_it_stands(
    omneo_sandbox: OmneoSandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = blocks("README.md", "sh")[-1].splitlines()[-1]
    for key, value in re.findall(r"(FLASK_\w+)=(\S+)", command):
        monkeypatch.setenv(key, value)
    monkeypatch.setenv("FLASK_OMNEO_BASE_URL", omneo_sandbox.base_url)
    monkeypatch.setenv("FLASK_BENEFITS_DATABASE_URL", f"sqlite:///{tmp_path / 'shop.sqlite3'}")
    omneo_sandbox.shopper("1001").holds("free-shipping", name="Free Shipping")

    app = run(blocks("README.md", "python")[:1])["create_app"]({"BENEFITS_PAGE_BUDGET_MS": 10_000})
    page = app.test_client().get("/account/benefits")
    app.extensions["claimable_benefits"].close()

    assert "Free Shipping" in page.text


def test_the_readmes_token_is_that_of_the_sandbox(omneo_sandbox: OmneoSandbox) -> None:
    assert f"FLASK_OMNEO_TOKEN={omneo_sandbox.token} " in blocks("README.md", "sh")[-1]


def test_the_readmes_order_is_redeemed_delivered_and_refunded(
    omneo_sandbox: OmneoSandbox, my_shop: Any, settings: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "policies.toml").write_text(blocks("README.md", "toml")[0], "utf-8")
    omneo_sandbox.shopper("1001").holds("first-spend", name="First Spend")
    readme = run(blocks("README.md", "python")[:2])
    benefits, orders = readme["benefits"], my_shop.orders
    benefits.cart_loader(lambda: Cart("c1", (Line("shirt", "Linen shirt", 1, Decimal(100)),), "AUD"))
    benefits.order_loader(
        lambda number: Order(number, OrderState(orders[number].state), None) if number in orders else None
    )
    app = readme["create_app"](settings)
    client = show_panel(app)
    press(client, client.get("/checkout").text, "Apply First Spend")

    with app.test_request_context():
        declined = orders.create(total=Decimal(90), make=sale_of)
        with pytest.raises(CardDeclined):
            readme["place_order"](declined, "declined", my_shop.gateway, my_shop.db)
    with app.test_request_context():
        order = orders.create(total=Decimal(90), make=sale_of)
        readme["place_order"](order, "good", my_shop.gateway, my_shop.db)
        benefits.run_once()
        [sold] = omneo_sandbox.transactions()
        redeemed = [one for one in omneo_sandbox.redemptions() if one["live"]]
        readme["refund_order"](order, my_shop.db)
        benefits.run_once()
        benefits.run_once()
        [void] = omneo_sandbox.transactions()
    app.extensions["claimable_benefits"].close()

    assert my_shop.gateway.captured == [Decimal(90)]
    assert [one["id"] for one in redeemed] == [sold["redemption_id"]]
    assert not sold["is_void"]
    assert void["is_void"]
    assert [one for one in omneo_sandbox.redemptions() if one["live"]] == []


def test_the_readmes_test_passes(pytester: pytest.Pytester) -> None:
    mount, _, test = blocks("README.md", "python")
    pytester.makepyfile(app=mount, test_benefits=test)
    plugin = ("-p", "no:claimable_benefits", "-p", "claimable_benefits.testing", "-W", "error")

    result = pytester.runpytest_subprocess(*plugin, "test_benefits.py")

    result.assert_outcomes(passed=1)


@pytest.fixture
def values(my_shop: Any, settings: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The page of values as a shop, with its app and the client of a browser."""
    own = run(blocks("docs/values.md", "python"))
    app = Flask("my_shop")
    app.config.from_mapping(settings)
    own["benefits"].init_app(app)
    own["app"], own["client"] = app, show_panel(app)
    yield own
    app.extensions["claimable_benefits"].close()


def test_the_values_become_an_order_whose_items_add_up(
    omneo_sandbox: OmneoSandbox, my_shop: Any, values: dict[str, Any]
) -> None:
    omneo_sandbox.shopper("1001").holds("first-spend", name="First Spend")
    press(values["client"], values["client"].get("/checkout").text, "Apply First Spend")

    with values["app"].test_request_context():
        answer = values["place_order"](values["load_cart"](), "good")
        values["benefits"].run_once()
        known = values["loyalty_of"]("WEB-1")
        unknown = values["loyalty_of"]("WEB-2")
    order = my_shop.orders["WEB-1"]
    [sold] = omneo_sandbox.transactions()
    items = values["transaction_of"](order).items

    assert answer == "Thank you. Your order is WEB-1."
    assert order.total == Decimal("223.68")  # 10 % off 199.98 and 37.50, and shipping
    assert my_shop.gateway.captured == [order.total]
    assert sum(item.price * item.quantity - item.discount for item in items) == order.total
    assert [item.discount_reason for item in items] == ["First Spend", "First Spend", None]
    assert known == f"First Spend: redemption {sold['redemption_id']}, transaction {sold['id']}"
    assert unknown == "no loyalty record"
    assert values["load_orders"](order.paid_at, order.paid_at) == []
    assert values["load_order"]("WEB-1").transaction.total == order.total


def test_a_benefit_that_the_till_has_used_meanwhile_charges_nothing(
    omneo_sandbox: OmneoSandbox, my_shop: Any, values: dict[str, Any]
) -> None:
    mia = omneo_sandbox.shopper("1001").holds("first-spend", name="First Spend")
    press(values["client"], values["client"].get("/checkout").text, "Apply First Spend")
    mia.uses_at_the_till("first-spend")

    with values["app"].test_request_context():
        answer = values["place_order"](values["load_cart"](), "good")

    assert "First Spend" in answer
    assert my_shop.gateway.captured == []
    assert my_shop.orders["WEB-1"].state == "cancelled"


@pytest.mark.parametrize(("card", "live"), [("good", 1), ("declined", 0)])
def test_an_order_whose_shopper_was_at_the_bank_is_redeemed_if_it_is_paid(
    card: str, live: int, omneo_sandbox: OmneoSandbox, my_shop: Any, values: dict[str, Any]
) -> None:
    omneo_sandbox.shopper("1001").holds("first-spend", name="First Spend")
    press(values["client"], values["client"].get("/checkout").text, "Apply First Spend")
    with values["app"].test_request_context():
        applied = values["benefits"].applied()
    order = my_shop.orders.create(
        total=Decimal(90), customer_id="1001", cart=values["load_cart"](), use_id=applied.use_id
    )
    my_shop.gateway.approved[order.number] = my_shop.gateway.authorise(card, order.total)

    with values["app"].test_request_context():
        values["return_from_bank"](order)
        values["benefits"].run_once()

    assert order.state == ("paid" if live else "cancelled")
    assert len([one for one in omneo_sandbox.redemptions() if one["live"]]) == live
    assert len(omneo_sandbox.transactions()) == live


def test_the_customised_shop_shows_its_own_panel_discount_and_signal(
    omneo_sandbox: OmneoSandbox,
    my_shop: Any,
    settings: dict[str, str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "policies.toml").write_text('[second-shirt-half-price]\nused_at = "checkout"\n', "utf-8")
    [override] = blocks("docs/customizing.md", "html")
    [place] = re.findall(r"{# (\S+) #}", override)
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text(override, "utf-8")
    omneo_sandbox.shopper("1001").holds("second-shirt-half-price", name="Second Shirt")
    values = run(blocks("docs/values.md", "python"))
    own = run(blocks("docs/customizing.md", "python"), Flask=Flask, Decimal=Decimal, benefits=values["benefits"])
    app = own["create_app"](settings)
    client = show_panel(app)

    panel = client.get("/checkout").text
    press(client, panel, "Apply Second Shirt")
    with app.test_request_context():
        taken = values["benefits"].applied().discount.amount
        values["place_order"](values["load_cart"](), "good")
        with caplog.at_level("INFO", app.logger.name):
            values["benefits"].run_once()
    page = client.get("/club")
    app.extensions["claimable_benefits"].close()

    assert page.status_code == 200
    assert "Member benefits</h2>" in panel
    assert 'action="/till/benefits/apply"' in panel
    assert taken == Decimal("50.00")  # half of 99.99, to the cent
    assert "Order WEB-1 is transaction" in caplog.text


def test_the_celery_example_adds_both_tasks(settings: dict[str, str]) -> None:
    app = Flask("shop")
    app.config.from_mapping(settings, BENEFITS_WORKER="celery")
    ClaimableBenefits().init_app(app)

    own = run(blocks("docs/deployment.md", "python"))
    celery_app = own["make_celery"](Celery(broker="memory://"), app)
    app.extensions["claimable_benefits"].close()

    assert {"benefits.work", "benefits.deliver"} <= set(celery_app.tasks)


def test_the_lines_about_fixtures_run(
    omneo_sandbox: OmneoSandbox, omneo_clock: OmneoClock, omneo_faults: OmneoFaults
) -> None:
    lines = [block for block in blocks("docs/testing.md", "python") if not block.startswith("# ")]

    run(lines, omneo_sandbox=omneo_sandbox, omneo_clock=omneo_clock, omneo_faults=omneo_faults)

    assert len(lines) == 4


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "toml")])
def test_every_policy_of_the_documentation_is_read(page: str) -> None:
    for block in blocks(page, "toml"):
        document = tomllib.loads(block)
        if not {"name", "handle", "period"} <= document.keys():  # else it is a definition, for `define`
            assert read_policies(document).keys() == document.keys()
