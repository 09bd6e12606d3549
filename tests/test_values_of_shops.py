"""Values as shops have them, through the whole extension: on SQLite and PostgreSQL, from the page to Omneo."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from flask import Flask, abort, render_template_string
from flask_sqlalchemy_lite import SQLAlchemy
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from claimable_benefits import Cart, ClaimableBenefits, Line, Order, SettingsError, Shopper, Transaction
from claimable_benefits.domain.discounts import Discount
from claimable_benefits.errors import InvalidValue, LoaderError
from claimable_benefits.loaders import LoaderReports, Loaders
from claimable_benefits.omneo import OmneoClient
from claimable_benefits.runtime import Runtime
from claimable_benefits.sandbox import create_sandbox
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.holds.hold import hold
from tests.web.conftest import Browser
from tests.web.reading import forms, read_page, region

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
NAIVE = datetime(2026, 3, 2, 1, 0)  # noqa: DTZ001 - as SQLite's columns give it
ANNA = UUID("6f1a5b1e-8a5e-4a58-9d6e-0d7a3a7d0001")
POLICIES = """
[first-spend]
discount = "percent"
size = 10
used_at = "checkout"

[vip-lounge]
used_at = "account"

[birthday-gift]
discount = "amount"
size = "10 AUD"
used_at = "checkout"

[free-shipping]
discount = "percent"
size = 1
used_at = "checkout"
"""


class Base(DeclarativeBase):
    pass


class Sale(Base):
    __tablename__ = "sales"
    number: Mapped[str] = mapped_column(String(40), primary_key=True)
    state: Mapped[str] = mapped_column(String(20))


def cart_of(cart_id: Any, price: Any = "20.00", currency: str = "AUD") -> Cart:
    return Cart(cart_id, [Line("shirt", "Linen shirt", 1, price)], currency, 5)  # type: ignore[arg-type]


@dataclass
class Shop:
    """A shop of a few lines, whose loaders answer what a test gives them."""

    app: Flask
    db: SQLAlchemy
    benefits: ClaimableBenefits
    omneo: Flask
    sent: list[str] = field(default_factory=list)
    shopper: Callable[[], Any] = lambda: Shopper(1001)  # type: ignore[arg-type]
    cart: Callable[[], Any] = lambda: cart_of(5)
    order: Callable[[str], Any] | None = None

    @property
    def runtime(self) -> Runtime:
        runtime = self.app.extensions["claimable_benefits"]
        assert isinstance(runtime, Runtime)
        return runtime

    def apply(self, handle: str = "first-spend") -> str:
        found = read_wallet(self.runtime.context, self.shopper()).holds(handle)
        assert found is not None
        return hold(self.runtime.context, self.shopper(), self.cart(), found.id).use_id

    def at_omneo(self, what: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.omneo.test_client().get("/_sandbox/state").get_json()[what]
        return rows

    def open(self, number: str, state: str = "open") -> None:
        self.db.session.add(Sale(number=number, state=state))
        self.db.session.commit()

    def find_order(self, number: str) -> Any:
        if self.order:
            return self.order(number)
        sale = self.db.session.get(Sale, number)
        return Order(number, sale.state) if sale else None  # type: ignore[arg-type]

    def writes(self) -> list[str]:
        """The paths of what has changed something at Omneo since the last call."""
        seen, self.sent[:] = [*self.sent], []
        return seen


def sale(number: Any, at: datetime = NOW, **facts: Any) -> Transaction:
    return Transaction(number, facts.pop("customer", 1001), "23.00", 25, at, "AUD", **facts)  # type: ignore[arg-type]


class Recorder(httpx.BaseTransport):
    """Lets everything through, and lists what changes something."""

    def __init__(self, inner: httpx.BaseTransport, sent: list[str]) -> None:
        self._inner = inner
        self._sent = sent

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.method != "GET":
            self._sent.append(request.url.path)
        return self._inner.handle_request(request)


NewShop = Callable[..., Shop]


@pytest.fixture
def new_shop(tmp_path: Path, ledger_url: str) -> Iterator[NewShop]:
    opened: list[Shop] = []

    def new(**config: Any) -> Shop:
        (tmp_path / "policies.toml").write_text(POLICIES)
        omneo = create_sandbox(data=tmp_path / "omneo", seed="demo", clock=lambda: NOW)
        app = Flask("shop", instance_path=str(tmp_path))
        app.config.update(
            SECRET_KEY="test",
            SQLALCHEMY_ENGINES={"default": ledger_url},
            OMNEO_BASE_URL="http://127.0.0.1/api/v3",
            OMNEO_TOKEN="sandbox-token",
            OMNEO_TIMEZONE="Australia/Melbourne",
            BENEFITS_DATABASE_URL=ledger_url,
            BENEFITS_POLICIES=tmp_path / "policies.toml",
            BENEFITS_WORKER="off",
            BENEFITS_PAGE_BUDGET_MS=10_000,
            **config,
        )
        db, sent = SQLAlchemy(app), list[str]()
        transport = Recorder(httpx.WSGITransport(app=omneo), sent)
        benefits = ClaimableBenefits(clock=lambda: NOW, transport=transport, sleep=lambda _seconds: None)
        shop = Shop(app, db, benefits, omneo, sent)
        benefits.shopper_loader(lambda: shop.shopper())  # noqa: PLW0108 - a test may replace it later
        benefits.cart_loader(lambda: shop.cart())  # noqa: PLW0108 - likewise
        benefits.order_loader(shop.find_order)
        benefits.init_app(app)
        app.add_url_rule("/checkout", "checkout", lambda: render_template_string("{{ benefits_panel() }}"))
        app.add_url_rule(
            "/orders/<int:number>",
            "order",
            lambda number: render_template_string("{{ benefits_record(number) }}", number=number),
        )
        with app.app_context():
            Base.metadata.drop_all(db.engine)
            Base.metadata.create_all(db.engine)
        opened.append(shop)
        return shop

    yield new
    for shop in opened:
        shop.runtime.close()
        with shop.app.app_context():
            Base.metadata.drop_all(shop.db.engine)
            shop.db.engine.dispose()


@pytest.fixture
def shop(new_shop: NewShop) -> Shop:
    return new_shop()


# Ids.


def test_an_integer_cart_is_the_same_cart_for_applied_and_for_the_panel(shop: Shop) -> None:
    """It was deducted, while the panel said that the benefit is on another cart."""
    shop.apply()
    with shop.app.test_request_context("/checkout"):
        applied = shop.benefits.applied()

    panel = region(Browser(shop.app.test_client()).read("/checkout"), "Benefits")

    assert applied is not None
    assert applied.discount.amount == Decimal("2.00")
    assert "Remove First Spend Discount" in forms(panel)
    assert "another cart" not in panel.text


def test_an_integer_shopper_uses_a_benefit_and_sees_its_receipt(shop: Shop) -> None:
    """On SQLite the receipt was 404, on PostgreSQL the click 503."""
    browser = Browser(shop.app.test_client())
    browser.press("Claim VIP Lounge Visit")

    answer = browser.press("Use VIP Lounge Visit now")
    receipt = browser.get(answer.headers["Location"])

    assert (answer.status_code, receipt.status_code) == (303, 200)
    assert "VIP Lounge Visit" in receipt.text


def test_a_shopper_with_a_uuid_claims_applies_and_buys(shop: Shop) -> None:
    """Their checkout was a 500."""
    made = shop.omneo.test_client().post(
        "/api/v3/profiles",
        json={"first_name": "Anna", "identities": [{"handle": "ecommerce", "identifier": str(ANNA)}]},
        headers={"Authorization": "Bearer sandbox-token"},
    )
    assert made.status_code in (200, 201), made.text
    shop.shopper = lambda: Shopper(ANNA)  # type: ignore[arg-type]
    shop.cart = lambda: cart_of(ANNA)
    browser = Browser(shop.app.test_client())

    assert browser.get("/checkout").status_code == 200
    assert browser.press("Claim Free Shipping").status_code == 303
    assert browser.press("Apply Free Shipping", "/checkout").status_code == 303
    shop.sent.clear()
    with shop.app.test_request_context("/checkout"):
        shop.open("77")
        with shop.benefits.redeeming(77, transaction=sale(77, customer=ANNA)) as use:
            pass
        shop.benefits.submit(sale(77, customer=ANNA), session=shop.db.session)
        shop.db.session.commit()
        shop.benefits.run_once()
        record = shop.benefits.record(77)

    assert use is not None
    assert record is not None
    assert (record.order_number, record.delivered, record.redemption_id) == ("77", True, use.redemption_id)


def test_every_verb_takes_an_integer_or_a_uuid(shop: Shop) -> None:
    """``redeem(1001)`` was an AttributeError."""
    for number in (1001, ANNA):
        shop.cart = lambda number=number: cart_of(number)  # type: ignore[misc]
        use_id = UUID(shop.apply("first-spend" if number == 1001 else "birthday-gift"))
        with shop.app.test_request_context("/checkout"):
            shop.open(str(number), "paid")
            use = shop.benefits.redeem(number, use_id=use_id)
            shop.benefits.submit(sale(number), session=shop.db.session)
            shop.db.session.commit()
            refundable, rolled_back = shop.benefits.is_refundable(number), shop.benefits.rollback(number)
            record, refund = shop.benefits.record(number), shop.benefits.refund(number)

        assert use is not None
        assert (use.order_number, refundable, rolled_back) == (str(number), True, False)
        assert record is not None
        assert refund.benefit
        assert refund.transaction


def test_the_record_of_an_order_takes_an_integer_in_a_template(shop: Shop) -> None:
    with shop.app.test_request_context("/checkout"):
        shop.benefits.submit(sale(1001), session=shop.db.session)
        shop.db.session.commit()

    record = region(read_page(shop.app.test_client().get("/orders/1001").text), "Loyalty record")

    assert "Waiting to be sent" in record.text


@pytest.mark.parametrize("number", [None, "", True, 1.5])
def test_no_verb_takes_what_is_no_order_number(shop: Shop, number: Any) -> None:
    shop.apply()
    shop.sent.clear()
    verbs: list[Callable[[Any], object]] = [
        shop.benefits.redeem,
        shop.benefits.rollback,
        shop.benefits.refund,
        shop.benefits.is_refundable,
        shop.benefits.record,
        lambda one: shop.benefits.redeem("A1", use_id="" if one is None else one),
    ]
    with shop.app.test_request_context("/checkout"):
        for verb in verbs:
            with pytest.raises(InvalidValue, match=r"order_number|use_id"):
                verb(number)
        with pytest.raises(InvalidValue, match="order_number"), shop.benefits.redeeming(number):
            pass

    assert shop.writes() == []


def test_the_longest_ids_fit_into_every_column(shop: Shop) -> None:
    """On PostgreSQL one that is too long would be an error of the database, as late as in the shop's commit."""
    customer, number = "c" * 240, "n" * 600
    made = shop.omneo.test_client().post(
        "/api/v3/profiles",
        json={"first_name": "Anna", "identities": [{"handle": "ecommerce", "identifier": customer}]},
        headers={"Authorization": "Bearer sandbox-token"},
    )
    assert made.status_code in (200, 201), made.text
    shop.shopper, shop.cart = lambda: Shopper(customer), lambda: cart_of("k" * 240)
    browser = Browser(shop.app.test_client())
    browser.press("Claim Free Shipping")
    browser.press("Apply Free Shipping", "/checkout")

    with shop.app.test_request_context("/checkout"):
        shop.open(number[:40])
        with shop.benefits.redeeming(number) as use:
            pass
        shop.benefits.submit(sale(number, customer=customer), session=shop.db.session)
        shop.db.session.commit()
        shop.benefits.run_once()
        record = shop.benefits.record(number)

    assert use is not None
    assert record is not None
    assert record.delivered


# Money.


def test_a_percentage_of_yen_is_whole_yen(shop: Shop) -> None:
    yen = [Line("a", "A", 1, 333), Line("b", "B", 1, 335)]  # type: ignore[arg-type]
    shop.cart = lambda: Cart(1, yen, "JPY")  # type: ignore[arg-type]
    shop.apply()

    with shop.app.test_request_context("/checkout"):
        applied = shop.benefits.applied()

    assert applied is not None
    assert applied.discount.lines == (Decimal(33), Decimal(34))


def test_ten_dollars_are_not_offered_for_yen_and_the_panel_says_why(shop: Shop) -> None:
    shop.cart = lambda: cart_of(5, "2000", "JPY")

    panel = region(Browser(shop.app.test_client()).read("/checkout"), "Benefits")

    assert "It cannot be used for prices in JPY." in panel.text
    assert not any("Birthday" in label for label in forms(panel))


def test_a_cart_that_changes_its_currency_keeps_the_hold_and_takes_nothing_off(shop: Shop) -> None:
    shop.apply("birthday-gift")
    shop.cart = lambda: cart_of(5, "2000", "JPY")

    with shop.app.test_request_context("/checkout"):
        applied = shop.benefits.applied()

    assert applied is not None
    assert (applied.discount, applied.fit.misfit) == (Discount(), "other_currency")


# Times, and what is checked before the money moves.


def test_a_naive_time_is_utc_and_the_sale_is_delivered(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """It raised after the capture: the order stayed open, and the benefit went back though the card was charged."""
    use_id = shop.apply()
    with shop.app.test_request_context("/checkout"):
        shop.open("A1")
        with shop.benefits.redeeming("A1", use_id=use_id, transaction=lambda: sale("A1", NAIVE)):
            pass
        shop.benefits.submit(sale("A1", NAIVE), session=shop.db.session)
        shop.benefits.submit(sale("A2", NAIVE), session=shop.db.session)
        shop.db.session.commit()
        shop.benefits.run_once()

    recorded = {t["external_id"]: t["transacted_at"] for t in shop.at_omneo("transactions")}
    said = [record.message for record in caplog.records if "has no zone" in record.message]
    assert (recorded["A1"], recorded["A2"]) == ("2026-03-02 01:00:00", "2026-03-02 01:00:00")
    assert said == [
        "The time of order A1 has no zone: such times are read as UTC. BENEFITS_NAIVE_TIMEZONE names another."
    ]


def test_a_naive_time_is_read_in_the_zone_of_the_setting(new_shop: NewShop) -> None:
    shop = new_shop(BENEFITS_NAIVE_TIMEZONE="Australia/Melbourne")
    shop.order = lambda number: Order(number, "paid", sale(number, NAIVE))  # type: ignore[arg-type]
    with shop.app.test_request_context("/checkout"):
        shop.benefits.submit(sale("A1", NAIVE), session=shop.db.session)
        shop.db.session.commit()
        shop.benefits.run_once()
    asked = shop.runtime.context.order_loader("A2")

    recorded = next(t for t in shop.at_omneo("transactions") if t["external_id"] == "A1")
    assert recorded["transacted_at"] == "2026-03-01 14:00:00"
    assert asked is not None
    assert asked.transaction is not None
    assert asked.transaction.transacted_at.astimezone(UTC) == datetime(2026, 3, 1, 14, 0, tzinfo=UTC)


def raising() -> Transaction:
    raise LookupError("the order has no lines")


WRONG: dict[str, tuple[Any, type[Exception]]] = {
    "another order's": (sale("A2"), InvalidValue),
    "a dictionary": ({"total": 5}, InvalidValue),
    "a function that returns none": (lambda: None, InvalidValue),
    "a function that returns another order's": (lambda: sale("A2"), InvalidValue),
    "a function that raises": (raising, LookupError),
    "a float in it": (lambda: Transaction("A1", None, 19.99, 20, NOW, "AUD"), InvalidValue),  # type: ignore[arg-type]
    "no time in it": (lambda: Transaction("A1", None, 5, 5, None, "AUD"), InvalidValue),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("transaction", "error"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_transaction_is_found_before_anything_is_sent(
    shop: Shop, transaction: Any, error: type[Exception]
) -> None:
    use_id, captured = shop.apply(), []
    shop.sent.clear()
    with shop.app.test_request_context("/checkout"):
        shop.open("A1")
        with pytest.raises(error), shop.benefits.redeeming("A1", use_id=use_id, transaction=transaction):
            captured.append("the money")
        with pytest.raises(error):
            shop.benefits.redeem("A1", use_id=use_id, transaction=transaction)
        applied = shop.benefits.applied()

    assert (captured, shop.writes()) == ([], [])
    assert applied is not None  # the cart still holds the benefit


def test_an_order_without_a_benefit_has_its_transaction_checked_too(shop: Shop) -> None:
    with (
        shop.app.test_request_context("/checkout"),
        pytest.raises(InvalidValue, match="is that of order A2"),
        shop.benefits.redeeming("A1", transaction=sale("A2")),
    ):
        pass


@pytest.mark.parametrize("given", [None, {"total": 5}, "A1"])
def test_submit_and_refund_take_transactions_alone(shop: Shop, given: Any) -> None:
    with shop.app.test_request_context("/checkout"):
        with pytest.raises(InvalidValue, match="Give a Transaction"):
            shop.benefits.submit(given, session=shop.db.session)
        if given is not None:
            with pytest.raises(InvalidValue, match="Give a Transaction"):
                shop.benefits.refund("A1", transaction=given)


# Loaders.


def failing() -> Any:
    raise ConnectionError("the customers' database is down; anna@example.org")


BAD_LOADERS: dict[str, tuple[Callable[[], Any], str]] = {
    "that raises": (failing, "raised ConnectionError."),
    "of the wrong type": (lambda: {"id": 1001}, "returned a value of type dict: return a "),
    "of a bare id": (lambda: 1001, "returned a value of type int: return a "),
    "with a bad value": (lambda: Shopper(1.5), "gives a value that cannot be used: Shopper.customer_id is 1.5"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("loader", "problem"), BAD_LOADERS.values(), ids=BAD_LOADERS)
@pytest.mark.parametrize("name", ["shopper", "cart"])
def test_a_loader_that_fails_is_named_with_its_field_and_the_pages_stay_calm(
    shop: Shop, name: str, loader: Callable[[], Any], problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    setattr(shop, name, loader)
    client = shop.app.test_client()

    panels = [client.get("/checkout") for _ in range(3)]
    page = client.get("/account/benefits")
    click = client.post("/account/benefits/claim", data={"handle": "vip"})

    said = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert {answer.status_code for answer in panels} == {200}
    assert all("You can check out as usual." in answer.text for answer in panels)
    assert len([one for one in said if one.startswith(f"The {name}_loader {problem}")]) == 1
    assert not any("anna@example.org" in one for one in said)
    if name == "shopper":
        assert (page.status_code, click.status_code) == (503, 503)
        assert "Your benefits cannot be shown right now." in page.text


@pytest.mark.parametrize(("loader", "problem"), BAD_LOADERS.values(), ids=BAD_LOADERS)
@pytest.mark.parametrize("name", ["shopper", "cart"])
def test_a_loader_that_fails_is_never_hidden_where_the_money_moves(
    shop: Shop, name: str, loader: Callable[[], Any], problem: str
) -> None:
    shop.apply()
    shop.sent.clear()
    setattr(shop, name, loader)
    with shop.app.test_request_context("/checkout"):
        with pytest.raises(LoaderError) as of_applied:
            shop.benefits.applied()
        with pytest.raises(LoaderError) as of_redeem, shop.benefits.redeeming("A1"):
            pass

    assert of_applied.value.loader == of_redeem.value.loader == f"{name}_loader"
    assert of_applied.value.problem.startswith(problem)
    assert shop.writes() == []


def test_a_loader_may_abort_the_request(shop: Shop) -> None:
    shop.shopper = lambda: abort(401)

    assert shop.app.test_client().get("/account/benefits").status_code == 401


def test_a_failure_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    times = iter([0.0, 59.0, 59.5, 60.0])
    reports = LoaderReports(monotonic=lambda: next(times))

    for loader in ("shopper_loader", "shopper_loader", "cart_loader", "shopper_loader"):
        reports.failed(LoaderError(loader, "raised KeyError."))

    said = [record.message.split()[1] for record in caplog.records]
    assert said == ["shopper_loader", "cart_loader", "shopper_loader"]


BAD_ORDERS: dict[str, tuple[Any, str]] = {
    "a state": ("paid", "returned a value of type str: return an Order."),
    "a dictionary": ({"state": "paid"}, "returned a value of type dict: return an Order."),
    "another order": (Order("A2", "paid"), "was asked for order A1 and returned order A2."),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("answer", "problem"), BAD_ORDERS.values(), ids=BAD_ORDERS)
def test_an_order_loader_that_returns_something_else_decides_nothing(
    shop: Shop, answer: Any, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    use_id, before = shop.apply(), len(shop.at_omneo("redemptions"))
    shop.order = lambda _number: answer
    with (
        shop.app.test_request_context("/checkout"),
        pytest.raises(RuntimeError, match="declined"),
        shop.benefits.redeeming("A1", use_id=use_id),
    ):
        raise RuntimeError("declined")

    assert len(shop.at_omneo("redemptions")) == before + 1  # redeemed, and not rolled back
    assert any(f"The order_loader {problem}" in (record.exc_text or "") for record in caplog.records)


def test_an_order_loader_may_answer_a_state_as_text(shop: Shop) -> None:
    use_id = shop.apply()
    shop.order = lambda number: Order(number, "cancelled")  # type: ignore[arg-type]

    with shop.app.test_request_context("/checkout"):
        with pytest.raises(RuntimeError), shop.benefits.redeeming("A1", use_id=use_id):
            raise RuntimeError
        record = shop.benefits.record("A1")

    assert record is not None
    assert record.use_state == "rolled_back"


@pytest.mark.parametrize("answer", [None, 5, [{"number": "A1"}], ["A1"]])
def test_an_orders_loader_that_fails_leaves_reconciliation_the_outbox(
    shop: Shop, answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    shop.benefits.orders_loader(lambda _since, _until: answer)

    loaded = shop.runtime.context.orders_loader(NOW, NOW)

    assert loaded is None
    assert "The orders_loader returned a value of type" in (caplog.records[-1].exc_text or "")


@pytest.mark.parametrize("own", [lambda *_: 1.5, lambda *_: None, lambda *_: 1 / 0])
def test_a_discount_of_the_shops_own_that_fails_hides_no_other_benefit(shop: Shop, own: Any) -> None:
    shop.benefits.discount("first-spend")(own)

    panel = region(Browser(shop.app.test_client()).read("/checkout"), "Benefits")

    assert "Apply Birthday" in " ".join(forms(panel))
    assert "First Spend" not in panel.text
    with pytest.raises(LoaderError, match=r"The discount\('first-spend'\) (returned|raised)"):
        shop.apply()


def test_a_discount_of_the_shops_own_may_be_a_text_or_an_integer(shop: Shop) -> None:
    shop.benefits.discount("first-spend")(lambda _cart, _policy: 3)  # type: ignore[arg-type,return-value]
    shop.apply()

    with shop.app.test_request_context("/checkout"):
        applied = shop.benefits.applied()

    assert applied is not None
    assert applied.discount.amount == Decimal(3)


def test_missing_loaders_are_named_with_the_first_request(caplog: pytest.LogCaptureFixture) -> None:
    reports = LoaderReports()

    reports.missing(Loaders(shopper=lambda: None))
    reports.missing(Loaders())

    assert [record.message for record in caplog.records] == [
        "The cart_loader is not registered: decorate a function of your shop with @benefits.cart_loader.",
        "The order_loader is not registered: decorate a function of your shop with @benefits.order_loader.",
    ]


def test_a_shop_without_loaders_is_told_at_its_first_request_and_its_pages_stay_calm(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = Flask("shop", instance_path=str(tmp_path))
    app.config.update(SECRET_KEY="test", OMNEO_TENANT="demo", OMNEO_TOKEN="token", BENEFITS_WORKER="off")
    app.config["BENEFITS_DATABASE_URL"] = f"sqlite:///{tmp_path}/shop.sqlite3"
    benefits = ClaimableBenefits()
    benefits.init_app(app)
    app.add_url_rule("/checkout", view_func=lambda: render_template_string("{{ benefits_panel() }}"))
    client = app.test_client()

    answers = [client.get(path).status_code for path in ("/checkout", "/checkout", "/account/benefits")]
    with app.test_request_context("/checkout"), pytest.raises(SettingsError, match="shopper_loader"):
        benefits.applied()
    app.extensions["claimable_benefits"].close()

    assert answers == [200, 200, 503]
    said = [record.message for record in caplog.records if "is not registered: decorate" in record.message]
    assert [one.split()[1] for one in said] == ["shopper_loader", "cart_loader", "order_loader"]


def test_what_the_shop_gives_reaches_omneo_as_it_is(shop: Shop) -> None:
    """An integer price, a text and a UUID are exact on the wire."""
    with shop.app.test_request_context("/checkout"):
        shop.benefits.submit(sale(1001), session=shop.db.session)
        shop.db.session.commit()
        shop.benefits.run_once()

    recorded = next(t for t in shop.at_omneo("transactions") if t["external_id"] == "1001")
    exact = [Decimal(str(recorded[key])) for key in ("total", "total_original")]
    assert exact == [Decimal(23), Decimal(25)]
    assert isinstance(shop.runtime.context.omneo, OmneoClient)
