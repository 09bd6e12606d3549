"""The shop's own functions, registered with the decorators of `ClaimableBenefits`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from werkzeug.exceptions import HTTPException

from claimable_benefits.domain.policy import Policy
from claimable_benefits.domain.shop import Cart, Order, Shopper, Transaction
from claimable_benefits.domain.values import exact_amount
from claimable_benefits.errors import BenefitsError, InvalidValue, LoaderError, LoaderNotRegistered

ShopperLoader = Callable[[], Shopper | None]
CartLoader = Callable[[], Cart | None]
OrdersLoader = Callable[[datetime, datetime], Iterable[Order]]
OrderLoader = Callable[[str], Order | None]
OwnDiscount = Callable[[Cart, Policy], Decimal]
Loader = TypeVar("Loader", bound=Callable[..., Any])
Value = TypeVar("Value")
_REPORT_SECONDS = 60.0
_log = logging.getLogger("claimable_benefits")


@dataclass(slots=True)
class Loaders:
    """Set by the decorators, before or after `init_app`."""

    shopper: ShopperLoader | None = None
    cart: CartLoader | None = None
    order: OrderLoader | None = None
    orders: OrdersLoader | None = None
    discounts: dict[str, OwnDiscount] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """The decorators of the functions that a shop must register and has not."""
        needed = {"shopper_loader": self.shopper, "cart_loader": self.cart, "order_loader": self.order}
        return tuple(name for name, loader in needed.items() if loader is None)


class LoaderReports:
    """What one process says in its log about the shop's functions: briefly, as every page may meet the same failure."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._has_looked = False
        self._said: dict[str, float] = {}

    def missing(self, loaders: Loaders) -> None:
        """Log once which functions the shop has not registered."""
        if self._has_looked:
            return
        self._has_looked = True
        for name in loaders.missing:
            _log.error("The %s is not registered: decorate a function of your shop with @benefits.%s.", name, name)

    def failed(self, error: BenefitsError) -> None:
        """Log an error of a loader with its cause, unless the same was logged within a minute."""
        now, text = self._monotonic(), str(error)
        if now - self._said.get(text, -_REPORT_SECONDS) >= _REPORT_SECONDS:
            self._said = {said: at for said, at in self._said.items() if now - at < _REPORT_SECONDS} | {text: now}
            _log.error("%s The page is shown without benefits.", error, exc_info=error)


def registered(loader: Loader | None, name: str) -> Loader:
    """Return ``loader``. Raises `LoaderNotRegistered` where the shop has registered none."""
    if loader is None:
        raise LoaderNotRegistered(
            name, "is not registered.", f"Decorate a function of your shop with @benefits.{name}."
        )
    return loader


def load_value(loader: Callable[[], Value | None] | None, name: str, kind: type[Value]) -> Value | None:
    """Call the shopper or cart loader ``name`` and return its ``kind``, or None.

    Raises `LoaderError` where it raises or returns anything else, and `SettingsError` where there is none. An error of
    werkzeug's passes: a loader may abort the request.
    """
    found = calling(name, registered(loader, name))
    if found is not None and not isinstance(found, kind):
        raise LoaderError(name, f"returned {_described(found)}: return a {kind.__name__}, or None.")
    return found


def checked_order(number: str, answer: object, aware: Callable[[Transaction], Transaction]) -> Order | None:
    """Return what the order loader answered for ``number``, its transaction with an aware time; None stays None.

    Raises `LoaderError` for anything but an `Order` of that number, or None.
    """
    if answer is None:
        return None
    order = _checked_order("order_loader", answer, aware)
    if order.number != number:
        raise LoaderError("order_loader", f"was asked for order {number} and returned order {order.number}.")
    return order


def checked_orders(answer: object, aware: Callable[[Transaction], Transaction]) -> list[Order]:
    """Return what the orders loader answered. Raises `LoaderError` for anything but orders."""
    if not isinstance(answer, Iterable):
        raise LoaderError("orders_loader", f"returned {_described(answer)}: return a list of Order.")
    return [_checked_order("orders_loader", order, aware) for order in answer]


def own_discount(own: OwnDiscount, cart: Cart, policy: Policy) -> Decimal:
    """Return what the shop's own discount takes off. Raises `LoaderError` where it raises, or returns no amount."""
    name = f"discount({policy.handle!r})"
    amount = calling(name, own, cart, policy)
    try:
        return exact_amount(amount, "amount")
    except InvalidValue as error:
        raise LoaderError(name, f"returned an amount that cannot be used: {error}") from error


def calling(name: str, function: Callable[..., Value], *arguments: object) -> Value:
    """Call a function of the shop's. Raises `LoaderError` where it raises, with that error as the cause."""
    try:
        return function(*arguments)
    except HTTPException:
        raise
    except InvalidValue as error:
        raise LoaderError(name, f"gives a value that cannot be used: {error}") from error
    except Exception as error:
        raise LoaderError(name, f"raised {type(error).__name__}.") from error


def _checked_order(name: str, answer: object, aware: Callable[[Transaction], Transaction]) -> Order:
    if not isinstance(answer, Order):
        raise LoaderError(name, f"returned {_described(answer)}: return an Order.")
    return replace(answer, transaction=aware(answer.transaction)) if answer.transaction else answer


def _described(value: object) -> str:
    """Name the type of a wrong answer; its content may be a person's data."""
    return f"a value of type {type(value).__name__}"
