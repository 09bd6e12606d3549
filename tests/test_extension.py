"""The extension as a merchant writes against it: loaders, redeeming, submit, several apps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from flask_sqlalchemy_lite import SQLAlchemy
from sqlalchemy import String, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, scoped_session

from claimable_benefits import (
    Cart,
    ClaimableBenefits,
    Declined,
    Line,
    Order,
    OrderState,
    SettingsError,
    Shopper,
    Transaction,
)
from claimable_benefits.runtime import Runtime
from claimable_benefits.sandbox import create_sandbox
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.holds.release import release
from tests.support.waiting import wait_until

MIA = Shopper("1001", name="Mia Ngo", timezone="Australia/Melbourne")
CART = Cart("cart-1", (Line("shirt", "Linen shirt", 1, Decimal("99.99")),), "AUD", Decimal("9.95"))


class Base(DeclarativeBase):
    pass


class Sale(Base):
    __tablename__ = "sales"
    number: Mapped[str] = mapped_column(String(40), primary_key=True)
    state: Mapped[str] = mapped_column(String(20))


@dataclass
class Shop:
    """A shop of a few lines, with its Omneo."""

    app: Flask
    db: SQLAlchemy
    benefits: ClaimableBenefits
    omneo: Flask
    signed_in: list[Shopper | None] = field(default_factory=lambda: [MIA])

    def runtime(self) -> Runtime:
        runtime = self.app.extensions["claimable_benefits"]
        assert isinstance(runtime, Runtime)
        return runtime

    def apply(self, handle: str) -> str:
        ctx = self.runtime().context
        found = read_wallet(ctx, MIA).holds(handle)
        assert found is not None
        return hold(ctx, MIA, CART, found.id).use_id

    def open(self, number: str, state: str = "open") -> None:
        self.db.session.add(Sale(number=number, state=state))
        self.db.session.commit()

    def sale(self, number: str) -> Transaction:
        now = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
        return Transaction(number, "1001", Decimal("89.99"), Decimal("99.99"), now, "AUD")

    def at_omneo(self, what: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.omneo.test_client().get("/_sandbox/state").get_json()[what]
        return rows

    def used(self) -> int:
        """Uses of Mia's that are neither reversed nor returned, beside the one of the demo data."""
        kinds = [r["type"] for r in self.at_omneo("redemptions")]
        return kinds.count("redeem") - kinds.count("reversal") - kinds.count("return")


POLICIES = """
[first-spend]
discount = "percent"
size = 10
used_at = "checkout"

[alterations]
used_at = "checkout"
"""


def open_shop(folder: Path, **config: object) -> Shop:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policies.toml").write_text(POLICIES)
    omneo = create_sandbox(data=folder, seed="demo")
    app = Flask("shop", instance_path=str(folder))
    app.config.update(
        SECRET_KEY="test",
        SQLALCHEMY_ENGINES={"default": f"sqlite:///{folder / 'shop.sqlite3'}"},
        OMNEO_BASE_URL="http://127.0.0.1/api/v3",
        OMNEO_TOKEN="sandbox-token",
        BENEFITS_POLICIES=folder / "policies.toml",
        BENEFITS_WORKER="off",
        BENEFITS_PAGE_BUDGET_MS=10_000,
    )
    app.config.update(config)
    db = SQLAlchemy(app)
    benefits = ClaimableBenefits(transport=httpx.WSGITransport(app=omneo), sleep=lambda _seconds: None)
    shop = Shop(app, db, benefits, omneo)
    benefits.shopper_loader(lambda: shop.signed_in[0])
    benefits.cart_loader(lambda: CART)

    @benefits.order_loader
    def order(number: str) -> Order | None:
        sale = db.session.get(Sale, number)
        return Order(number, OrderState(sale.state)) if sale else None

    benefits.init_app(app)
    with app.app_context():
        Base.metadata.create_all(db.engine)
    return shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = open_shop(tmp_path / "one")
    with opened.app.test_request_context("/checkout"):
        yield opened
    close(opened)


def close(shop: Shop) -> None:
    shop.runtime().close()
    with shop.app.app_context():
        shop.db.engine.dispose()


def test_an_order_takes_its_benefit_and_its_transaction_with_it(shop: Shop) -> None:
    shop.apply("first-spend")
    shop.open("A1")

    with shop.benefits.redeeming("A1") as use:
        pass
    shop.benefits.submit(shop.sale("A1"), session=shop.db.session)
    shop.db.session.commit()
    shop.benefits.run_once()

    record = shop.benefits.record("A1")
    recorded = [t for t in shop.at_omneo("transactions") if t["external_id"] == "A1"]
    assert use is not None
    assert record is not None
    assert [str(t["redemption_id"]) for t in recorded] == [use.redemption_id]
    assert (record.benefit_name, record.delivered) == ("First Spend Discount", True)


def test_an_order_without_a_benefit_is_recorded_all_the_same(shop: Shop) -> None:
    shop.open("A1")

    with shop.benefits.redeeming("A1") as use:
        pass
    shop.benefits.submit(shop.sale("A1"), session=shop.db.session)
    shop.db.session.commit()
    shop.benefits.run_once()

    recorded = [t for t in shop.at_omneo("transactions") if t["external_id"] == "A1"]
    assert use is None
    assert [t["redemption_id"] for t in recorded] == [None]


@pytest.mark.parametrize(
    ("state", "rolled_back"), [("open", True), ("cancelled", True), ("paid", False), ("unknown", False)]
)
def test_a_block_that_raises_rolls_back_unless_the_order_is_paid_or_unknown(
    shop: Shop, state: str, *, rolled_back: bool
) -> None:
    before = shop.used()
    shop.apply("first-spend")
    shop.open("A1", state)

    with pytest.raises(RuntimeError, match="the card was declined"), shop.benefits.redeeming("A1"):
        raise RuntimeError("the card was declined")

    assert shop.used() - before == (0 if rolled_back else 1)


def test_an_order_that_the_loader_does_not_know_keeps_its_redemption_for_now(shop: Shop) -> None:
    before = shop.used()
    shop.apply("first-spend")

    with pytest.raises(RuntimeError), shop.benefits.redeeming("A1"):
        raise RuntimeError

    assert shop.used() - before == 1


def test_a_declined_card_leaves_the_benefit_applied(shop: Shop) -> None:
    shop.apply("first-spend")
    shop.open("A1")

    with pytest.raises(RuntimeError), shop.benefits.redeeming("A1"):
        raise RuntimeError

    applied = shop.benefits.applied()
    assert applied is not None
    assert applied.name == "First Spend Discount"


def test_a_total_shown_with_a_benefit_is_not_charged_without_it(shop: Shop) -> None:
    use_id = shop.apply("first-spend")
    shop.open("A1")
    applied = shop.benefits.applied()
    assert applied is not None
    assert applied.use_id == use_id
    release(shop.runtime().context, MIA, CART, applied.benefit_id)  # in another tab, at this moment

    with pytest.raises(Declined) as refused:
        shop.benefits.redeem("A1")

    assert refused.value.reason == "no_longer_held"


def test_a_benefit_applied_in_another_tab_is_not_slipped_under_the_total_that_was_shown(shop: Shop) -> None:
    shop.apply("first-spend")
    shop.open("A1")
    shop.benefits.applied()
    shop.apply("alterations")

    with pytest.raises(Declined) as refused:
        shop.benefits.redeem("A1")

    assert refused.value.reason == "no_longer_held"


def test_a_guest_has_nothing_applied(shop: Shop) -> None:
    shop.apply("first-spend")
    shop.signed_in[0] = None

    assert shop.benefits.applied() is None
    assert shop.benefits.redeem("A1") is None


def test_a_rolled_back_order_leaves_no_transaction_and_the_use_unplaced(shop: Shop) -> None:
    shop.apply("first-spend")
    shop.open("A1")
    with shop.benefits.redeeming("A1"):
        pass

    shop.benefits.submit(shop.sale("A1"), session=shop.db.session)
    shop.db.session.rollback()
    shop.benefits.run_once()

    record = shop.benefits.record("A1")
    assert record is not None
    assert record.delivery_state is None
    assert [t for t in shop.at_omneo("transactions") if t["external_id"] == "A1"] == []


def test_submit_joins_a_scoped_session_and_a_connection_too(shop: Shop) -> None:
    scoped = scoped_session(shop.db.sessionmaker)
    shop.benefits.submit(shop.sale("A1"), session=scoped)
    scoped.commit()
    scoped.remove()
    with shop.db.engine.begin() as connection:
        shop.benefits.submit(shop.sale("A2"), session=connection)

    shop.benefits.run_once()

    assert {t["external_id"] for t in shop.at_omneo("transactions")} >= {"A1", "A2"}


def test_the_order_row_and_the_outbox_row_are_one_commit(shop: Shop) -> None:
    shop.db.session.add(Sale(number="A1", state="paid"))
    shop.benefits.submit(shop.sale("A1"), session=shop.db.session)

    with shop.db.engine.connect() as another:
        before = another.execute(text("select count(*) from benefits_outbox")).scalar_one()
    shop.db.session.commit()
    with shop.db.engine.connect() as another:
        after = another.execute(text("select count(*) from benefits_outbox")).scalar_one()

    assert (before, after) == (0, 1)


def placed(shop: Shop, number: str = "A1") -> None:
    """An order paid with the first-spend discount, and delivered."""
    shop.apply("first-spend")
    shop.open(number)
    with shop.benefits.redeeming(number):
        pass
    shop.benefits.submit(shop.sale(number), session=shop.db.session)
    shop.db.session.commit()
    shop.benefits.run_once()


def test_a_refund_is_one_commit_with_the_shops_own(shop: Shop) -> None:
    before = shop.used()
    placed(shop)

    rolled_back = shop.benefits.refund("A1", session=shop.db.session)
    shop.db.session.rollback()
    shop.benefits.run_once()
    after_the_rollback = shop.used() - before
    given = shop.benefits.refund("A1", session=shop.db.session)
    shop.db.session.commit()
    before_the_worker = shop.used() - before
    shop.benefits.run_once()

    assert (rolled_back.benefit, given.benefit, given.transaction) == (True, True, True)
    assert (after_the_rollback, before_the_worker, shop.used() - before) == (1, 1, 0)
    assert [t["is_void"] for t in shop.at_omneo("transactions") if t["external_id"] == "A1"] == [1]
    assert not shop.benefits.refund("A1", session=shop.db.session)


def test_a_refund_without_a_session_gives_back_at_once(shop: Shop) -> None:
    before = shop.used()
    placed(shop)

    given = shop.benefits.refund("A1", reason="the shopper changed her mind")

    assert given
    assert shop.used() == before


def test_a_refund_joins_a_scoped_session_and_a_connection_too(shop: Shop) -> None:
    placed(shop)
    scoped = scoped_session(shop.db.sessionmaker)

    in_a_session = shop.benefits.refund("A1", session=scoped)
    scoped.remove()
    with shop.db.engine.begin() as connection:
        on_a_connection = shop.benefits.refund("A1", session=connection)

    assert (in_a_session.transaction, on_a_connection.transaction) == (True, True)


def test_one_extension_serves_two_apps_that_share_nothing(tmp_path: Path) -> None:
    first, second = open_shop(tmp_path / "one"), open_shop(tmp_path / "two")
    with first.app.test_request_context():
        first.apply("first-spend")
        in_first = first.benefits.applied()
    with second.app.test_request_context():
        in_second = second.benefits.applied()
    close(first)
    close(second)

    assert in_first is not None
    assert in_second is None


def test_init_app_twice_on_two_apps_with_one_object(tmp_path: Path) -> None:
    shop = open_shop(tmp_path / "one")
    other = Flask("other", instance_path=str(tmp_path))
    other.config.update(shop.app.config, BENEFITS_DATABASE_URL=f"sqlite:///{tmp_path / 'other.sqlite3'}")
    shop.benefits.init_app(other)

    with other.test_client() as client:
        page = client.get("/account/benefits")
    other.extensions["claimable_benefits"].close()
    close(shop)

    assert page.status_code == 200


def test_a_merchant_may_mount_the_pages_elsewhere(tmp_path: Path) -> None:
    shop = open_shop(tmp_path / "one")
    club = Flask("club", instance_path=str(tmp_path))
    club.config.update(shop.app.config, BENEFITS_DATABASE_URL=f"sqlite:///{tmp_path / 'club.sqlite3'}")
    shop.benefits.init_app(club, register=False)
    club.register_blueprint(shop.benefits.blueprint, url_prefix="/club")

    with club.test_client() as client:
        there = client.get("/club")
        not_there = client.get("/account/benefits")
    club.extensions["claimable_benefits"].close()
    close(shop)

    assert (there.status_code, not_there.status_code) == (200, 404)


def test_a_discount_that_only_the_shop_can_compute(tmp_path: Path) -> None:
    shop = open_shop(tmp_path / "one")
    shop.benefits.discount("alterations")(lambda cart, _policy: cart.subtotal / 4)

    with shop.app.test_request_context():
        shop.apply("alterations")
        applied = shop.benefits.applied()
    close(shop)

    assert applied is not None
    assert applied.discount.amount == Decimal("25.00")


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("SECRET_KEY", None, "set a long random text"),
        ("OMNEO_TOKEN", None, "Make an API token"),
        ("OMNEO_TIMEZONE", "Melbourne", "IANA name"),
        ("BENEFITS_POLICIES", "missing.toml", "Correct the path"),
        ("BENEFITS_DATABASE_URL", "sqlite:////nowhere/at/all/benefits.sqlite3", "make the folder"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_its_key_and_the_remedy(
    tmp_path: Path, key: str, value: str | None, remedy: str
) -> None:
    app = Flask("shop", instance_path=str(tmp_path))
    app.config.update(SECRET_KEY="x", OMNEO_TENANT="acme", OMNEO_TOKEN="t", BENEFITS_WORKER="off", TESTING=True)
    app.config[key] = value

    with pytest.raises(SettingsError, match=remedy) as stopped:
        ClaimableBenefits().init_app(app)

    assert stopped.value.key == key


def test_a_broken_policy_names_file_key_and_remedy(tmp_path: Path) -> None:
    (tmp_path / "policies.toml").write_text('[first-spend]\ndiscount = "percent"\nused_at = "checkout"\n')
    app = Flask("shop", instance_path=str(tmp_path))
    app.config.update(SECRET_KEY="x", OMNEO_TENANT="acme", OMNEO_TOKEN="t", BENEFITS_WORKER="off", TESTING=True)
    app.config["BENEFITS_POLICIES"] = tmp_path / "policies.toml"

    with pytest.raises(SettingsError) as stopped:
        ClaimableBenefits().init_app(app)

    assert "policies.toml" in str(stopped.value)
    assert "first-spend.size" in str(stopped.value)
    assert "up to 100" in str(stopped.value)


def test_a_loader_that_is_missing_is_named_at_its_first_use(tmp_path: Path) -> None:
    app = Flask("shop", instance_path=str(tmp_path))
    app.config.update(SECRET_KEY="x", OMNEO_TENANT="acme", OMNEO_TOKEN="t", BENEFITS_WORKER="off", TESTING=True)
    benefits = ClaimableBenefits()
    benefits.init_app(app)

    with app.test_request_context(), pytest.raises(SettingsError, match=r"@benefits\.shopper_loader"):
        benefits.applied()
    app.extensions["claimable_benefits"].close()


@pytest.mark.timing
def test_the_embedded_worker_delivers_soon_after_the_commit(tmp_path: Path) -> None:
    shop = open_shop(tmp_path / "one", BENEFITS_WORKER_SECONDS=60)
    shop.app.config["BENEFITS_WORKER"] = "embedded"
    worker = shop.runtime().worker
    with shop.app.test_request_context():
        worker.start()
        shop.benefits.submit(shop.sale("A1"), session=shop.db.session)
        shop.db.session.commit()
        wait_until(lambda: bool((record := shop.benefits.record("A1")) and record.delivered))
    worker.stop()
    close(shop)
