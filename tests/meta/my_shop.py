"""What the documentation calls the merchant's own modules: ``my_shop``, with a real database behind its session."""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from claimable_benefits import Cart, Discount, Transaction


@dataclass
class ShopOrder:
    """An order as a shop might keep it. ``make`` turns it into the transaction that Omneo gets."""

    number: str
    total: Decimal
    state: str = "open"
    customer_id: str | None = None
    cart: Cart | None = None
    discount: Discount = field(default_factory=Discount)
    benefit_name: str | None = None
    use_id: str | None = None
    paid_at: datetime | None = None
    make: Callable[[ShopOrder], Transaction] | None = None

    def transaction(self) -> Transaction:
        assert self.make is not None
        return self.make(self)


class Orders(dict[str, ShopOrder]):
    """The orders of the shop, by number."""

    def create(self, **facts: Any) -> ShopOrder:
        order = ShopOrder(number=f"WEB-{len(self) + 1}", **facts)
        self[order.number] = order
        return order

    def placed_between(self, since: datetime, until: datetime) -> list[ShopOrder]:
        return [order for order in self.values() if order.paid_at and since <= order.paid_at < until]


class CardDeclined(Exception):
    """The bank says no."""


class Gateway:
    """Takes every card but the one that is called "declined"."""

    def __init__(self) -> None:
        self.captured: list[Decimal] = []
        self.approved: dict[str, SimpleNamespace] = {}  # by order number, where the shopper was at the bank

    def find(self, number: str) -> SimpleNamespace:
        return self.approved[number]

    def authorise(self, card: str, total: Decimal) -> SimpleNamespace:
        def capture() -> None:
            if card == "declined":
                raise CardDeclined
            self.captured.append(total)

        return SimpleNamespace(capture=capture)


def make_my_shop(folder: Path) -> Any:
    """Return the module ``my_shop``: one customer with one cart, and a database in ``folder``."""
    engine = create_engine(f"sqlite:///{folder / 'shop.sqlite3'}")
    shop: Any = types.ModuleType("my_shop")
    shop.__file__ = str(folder / "my_shop.py")
    shop.engine = engine
    shop.db = SimpleNamespace(session=Session(engine))
    shop.gateway, shop.CardDeclined = Gateway(), CardDeclined
    shop.session = {"customer_id": "1001", "cart_id": "c1"}
    shop.customers = {"1001": SimpleNamespace(id="1001", name="Mia Ngo", timezone="Australia/Melbourne")}
    shop.carts = {
        "c1": SimpleNamespace(
            id="c1",
            shipping=Decimal("9.95"),
            items=[
                SimpleNamespace(sku="shirt", name="Linen shirt", quantity=2, price=Decimal("99.99"), tags=["shirt"]),
                SimpleNamespace(sku="socks", name="Wool socks", quantity=3, price=Decimal("12.50"), tags=[]),
            ],
        )
    }
    shop.orders = Orders()
    return shop


def sale_of(order: ShopOrder) -> Transaction:
    """The shortest transaction of an order."""
    return Transaction(order.number, "1001", order.total, order.total, datetime.now(UTC), "AUD")
