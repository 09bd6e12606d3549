"""The shop's own functions, registered with the decorators of `ClaimableBenefits`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from claimable_benefits.domain.policy import Policy
from claimable_benefits.domain.shop import Cart, Order, Shopper
from claimable_benefits.errors import SettingsError

ShopperLoader = Callable[[], Shopper | None]
CartLoader = Callable[[], Cart | None]
OrdersLoader = Callable[[datetime, datetime], Iterable[Order]]
OrderLoader = Callable[[str], Order | None]
OwnDiscount = Callable[[Cart, Policy], Decimal]
Loader = TypeVar("Loader", bound=Callable[..., Any])


@dataclass(slots=True)
class Loaders:
    """Set by the decorators, before or after `init_app`."""

    shopper: ShopperLoader | None = None
    cart: CartLoader | None = None
    order: OrderLoader | None = None
    orders: OrdersLoader | None = None
    discounts: dict[str, OwnDiscount] = field(default_factory=dict)


def registered(loader: Loader | None, name: str) -> Loader:
    """Return ``loader``. Raises `SettingsError` where the shop has registered none."""
    if loader is None:
        raise SettingsError(name, "is not registered.", f"Decorate a function of your shop with @benefits.{name}.")
    return loader
