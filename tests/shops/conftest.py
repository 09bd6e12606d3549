"""A shop as Flask's documentation writes it for SQLAlchemy: a `scoped_session`, removed when the app context ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from sqlalchemy import Engine, String, create_engine, delete
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, scoped_session, sessionmaker

from claimable_benefits import Cart, ClaimableBenefits, Line, Order, OrderState, Shopper, Transaction
from claimable_benefits.runtime import Runtime
from claimable_benefits.sandbox import create_sandbox
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.holds.hold import hold
from tests.conftest import address_of
from tests.support.waiting import wait_until

MIA = Shopper("1001", name="Mia Ngo")
CART = Cart("cart-1", (Line("shirt", "Linen shirt", 1, Decimal("99.99")),), "AUD")


class Base(DeclarativeBase):
    pass


class Purchase(Base):
    """The shop's own order."""

    __tablename__ = "shop_purchases"
    number: Mapped[str] = mapped_column(String(40), primary_key=True)
    state: Mapped[str] = mapped_column(String(20))


@dataclass(kw_only=True)
class ScopedShop:
    """The shop: ``session`` is its `scoped_session`, ``loaded`` what its order loader was asked for."""

    app: Flask
    benefits: ClaimableBenefits
    engine: Engine
    session: Any
    omneo: Flask
    loaded: list[str] = field(default_factory=list)

    @property
    def runtime(self) -> Runtime:
        found: Runtime = self.app.extensions["claimable_benefits"]
        return found

    def apply(self) -> str:
        """Apply the first-spend discount to the cart."""
        ctx = self.runtime.context
        benefit = read_wallet(ctx, MIA).holds("first-spend")
        assert benefit is not None
        return hold(ctx, MIA, CART, benefit.id).use_id

    def open(self, number: str) -> Purchase:
        """Store an order that is not paid yet."""
        purchase = Purchase(number=number, state="open")
        self.session.add(purchase)
        self.session.commit()
        return purchase

    def stored(self, number: str) -> str | None:
        """The order's state as anybody else sees it."""
        with Session(self.engine) as another:
            found = another.get(Purchase, number)
            return found.state if found else None

    def live_uses(self) -> int:
        """Redemptions of the shopper's first-spend discount that stand at Omneo."""
        rows = self.omneo.test_client().get("/_sandbox/state").get_json()["redemptions"]
        return sum(row["type"] == "redeem" and row["live"] for row in rows)


def sale(number: str) -> Transaction:
    now = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
    return Transaction(number, "1001", Decimal("89.99"), Decimal("99.99"), now, "AUD")


NewShop = Callable[..., ScopedShop]


@pytest.fixture(params=["sqlite", "postgresql", "pgbouncer"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a ledger without rows; in this folder also one behind a pooler."""
    return address_of(request, tmp_path)


@pytest.fixture
def new_shop(tmp_path: Path, ledger_url: str) -> Iterator[NewShop]:
    """Open a shop on either database; ``options`` are those of its engine."""
    with ExitStack() as stack:

        def new(**options: Any) -> ScopedShop:
            if ledger_url.startswith("postgresql"):
                options.setdefault("connect_args", {"prepare_threshold": None})  # a shop's own part, behind a pooler
            return _open(stack, tmp_path, ledger_url.replace("postgresql://", "postgresql+psycopg://"), options)

        yield new


def _open(stack: ExitStack, folder: Path, url: str, options: dict[str, Any]) -> ScopedShop:
    (folder / "policies.toml").write_text('[first-spend]\ndiscount = "percent"\nsize = 10\nused_at = "checkout"\n')
    omneo = create_sandbox(data=folder, seed="demo")
    app = Flask("scoped", instance_path=str(folder))
    app.config.update(
        SECRET_KEY="test",
        OMNEO_BASE_URL="http://127.0.0.1/api/v3",
        OMNEO_TOKEN="sandbox-token",
        BENEFITS_DATABASE_URL=url,
        BENEFITS_POLICIES=folder / "policies.toml",
        BENEFITS_WORKER="off",
        BENEFITS_PAGE_BUDGET_MS=10_000,
    )
    benefits = ClaimableBenefits(transport=httpx.WSGITransport(app=omneo), sleep=lambda _seconds: None)
    engine = create_engine(url, **options)
    stack.callback(engine.dispose)
    stack.callback(wait_until, lambda: not any("benefits-loader" in thread.name for thread in threading.enumerate()))
    registry = scoped_session(sessionmaker(engine))
    shop = ScopedShop(app=app, benefits=benefits, engine=engine, session=registry, omneo=omneo)

    @app.teardown_appcontext
    def remove(_error: BaseException | None = None) -> None:
        registry.remove()

    @benefits.order_loader
    def order(number: str) -> Order | None:
        shop.loaded.append(number)
        purchase = registry.get(Purchase, number)
        return Order(number, OrderState(purchase.state)) if purchase else None

    benefits.shopper_loader(lambda: MIA)
    benefits.cart_loader(lambda: CART)
    benefits.init_app(app)
    stack.callback(shop.runtime.close)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(delete(Purchase))
    return shop
