"""The extension: what a merchant writes against.

Its methods register what the shop brings, and pass calls on to the app's `Runtime`. Ledger, client and pages are loaded
with the first app: a shop's scripts and commands import the extension, too, without one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, current_app

from claimable_benefits.cli.lazy import Commands
from claimable_benefits.domain.shop import Shopper, Transaction
from claimable_benefits.domain.values import Id
from claimable_benefits.errors import SettingsError
from claimable_benefits.loaders import CartLoader, Loaders, OrderLoader, OrdersLoader, OwnDiscount, ShopperLoader

if TYPE_CHECKING:
    from claimable_benefits.ledger.session_hooks import AnySession
    from claimable_benefits.ledger.uses import Use
    from claimable_benefits.omneo import Transport
    from claimable_benefits.runtime import GivenTransaction, Runtime
    from claimable_benefits.service.context import Clock
    from claimable_benefits.service.holds.offers import Applied
    from claimable_benefits.service.orders.record import OrderRecord
    from claimable_benefits.service.orders.refund import Refund
    from claimable_benefits.service.worker.turn import TurnResult

_KEY = "claimable_benefits"
_log = logging.getLogger("claimable_benefits")


class ClaimableBenefits:
    """Loyalty benefits from Omneo in a Flask shop.

    One object serves any number of apps. ``clock`` (returns an aware time in UTC; default: the ledger's), ``sleep``
    (takes seconds) and ``transport`` (of httpx) are replaced in tests.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
        transport: Transport | None = None,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._transport = transport
        self._loaders = Loaders()

    def shopper_loader(self, loader: ShopperLoader) -> ShopperLoader:
        """Register the function that returns the request's `Shopper`, or None for a guest."""
        self._loaders.shopper = loader
        return loader

    def cart_loader(self, loader: CartLoader) -> CartLoader:
        """Register the function that returns the request's `Cart`, or None where there is none."""
        self._loaders.cart = loader
        return loader

    def order_loader(self, loader: OrderLoader) -> OrderLoader:
        """Register the function that returns the `Order` of an order number, or None where the shop does not know it.

        It is called in a thread and an app context of its own, without a request: it sees what is committed. After
        five seconds without an answer the order counts as not known, and the worker asks again later.
        """
        self._loaders.order = loader
        return loader

    def orders_loader(self, loader: OrdersLoader) -> OrdersLoader:
        """Register the function that returns the paid and cancelled orders placed from ``since`` to before ``until``.

        Optional: reconciliation compares them with the ledger and Omneo, and so finds an order that was never
        submitted. Both times are aware, in UTC; each paid `Order` brings its transaction. Called like the order loader,
        and may take five minutes.
        """
        self._loaders.orders = loader
        return loader

    def discount(self, handle: str) -> Callable[[OwnDiscount], OwnDiscount]:
        """Register a discount that only the shop can compute for the definition ``handle``.

        The function takes the cart and the policy, and returns the amount off as a `Decimal` in major units.
        """

        def register(own: OwnDiscount) -> OwnDiscount:
            self._loaders.discounts[handle] = own
            return own

        return register

    @cached_property
    def blueprint(self) -> Blueprint:
        """The pages: an ordinary blueprint, for merchants who mount it themselves."""
        from claimable_benefits.web.blueprint import make_blueprint

        return make_blueprint()

    def init_app(self, app: Flask, *, register: bool = True) -> None:
        """Check the settings, open the ledger and mount everything on ``app``.

        With ``register=False`` the merchant registers `blueprint`. Raises `SettingsError` with the key and the remedy.
        """
        from claimable_benefits.runtime import Collaborators, make_runtime, warm_at_sign_in

        runtime = make_runtime(app, Collaborators(self._loaders, self._clock, self._sleep, self._transport))
        app.extensions[_KEY] = runtime
        app.cli.add_command(Commands())
        app.before_request(runtime.warn_of_missing_loaders)
        if runtime.settings.worker == "embedded":
            app.before_request(runtime.worker.start)
        warm_at_sign_in(app, self.warm)
        if register:
            app.register_blueprint(self.blueprint, url_prefix="/account/benefits", checkout_prefix="/checkout/benefits")

    def warm(self, shopper: Shopper | None = None) -> None:
        """Read a shopper's benefits in the background, so that their first page shows them without waiting for Omneo.

        Call it where a shopper has signed in (Flask-Login's ``user_logged_in`` does so by itself where it is
        installed), or let pages ask for it: ``blueprint.before_request(benefits.warm)``. Without ``shopper`` it takes
        the request's; a guest needs nothing. It returns at once and never raises. In each process it reads a shopper at
        most once in ten minutes, and nobody while Omneo has asked for a pause or its circuit breaker is open; what does
        not fit the bounded queue is dropped.
        """
        try:
            _runtime().warm(shopper)
        except Exception:  # noqa: BLE001 - the page that asks for it works without it
            _log.exception("A shopper's benefits could not be read ahead.")

    def applied(self) -> Applied | None:
        """Return what this request's shopper has applied to this request's cart; None where nothing is applied.

        It reads the ledger and does not call Omneo. What it returns is what this request shows: `redeem` redeems
        nothing else. Raises `LoaderError` where a loader fails, `LoaderNotRegistered` where one is missing, and
        `LedgerUnavailable`.
        """
        return _runtime().applied()

    def redeem(
        self,
        order_number: Id,
        *,
        use_id: Id | None = None,
        transaction: GivenTransaction | None = None,
        session: AnySession | None = None,
    ) -> Use | None:
        """Redeem what the cart holds, or the use ``use_id``, for an order; return None where nothing is applied.

        Call it after the payment is authorised and before it is captured. A repeated call for the same order returns
        the same use. ``transaction`` is what the shop is going to submit, or a function that returns it: it is checked
        before anything is sent, and not kept. ``session`` is the one that `submit` gets after the capture: it is
        checked first, and nothing is written with it.

        Raises `Declined` where the benefit is gone, not confirmed, or not the one with which this request computed its
        total: charge nothing then. Raises `InvalidValue` for an order number that cannot be stored and a transaction
        that could not be delivered, `SettingsError` where ``session`` reaches another database than the ledger or
        commits each statement at once, `LoaderError` where the shopper or cart loader fails, and `LedgerUnavailable`.
        """
        return _runtime().redeem(order_number, use_id, transaction, session)

    @contextmanager
    def redeeming(
        self,
        order_number: Id,
        *,
        use_id: Id | None = None,
        transaction: GivenTransaction | None = None,
        session: AnySession | None = None,
    ) -> Iterator[Use | None]:
        """Redeem for a ``with`` block in which the money moves; yield what `redeem` returns, and raise what it raises.

        With ``transaction``, as in `redeem`, a sale that could not be submitted after the block stops the order before
        it, while no money has moved.

        If the block raises, the redemption is rolled back, unless the order loader says that the order is paid or that
        its payment is not known yet: then the worker asks the loader again later. Commit the order before the block:
        the loader must find it, and on SQLite a write that is still open raises `LedgerUnavailable`.
        """
        runtime = _runtime()
        use = runtime.redeem(order_number, use_id, transaction, session)
        try:
            yield use
        except Exception:
            if use is not None:
                runtime.roll_back_failed_block(order_number, session)
            raise

    def rollback(self, order_number: Id, *, reason: str = "the order was not placed") -> bool:
        """Roll back an order that will not be placed: its benefit returns to the shopper.

        Omneo is called at once; where it does not answer, the worker goes on. ``reason`` is stored with the event.
        Return True where the order has a redemption. Raises `LedgerUnavailable`.
        """
        return _runtime().roll_back(order_number, reason)

    def refund(
        self,
        order_number: Id,
        *,
        full_refund: bool = True,
        transaction: Transaction | None = None,
        session: AnySession | None = None,
        reason: str = "the order was cancelled",
    ) -> Refund:
        """Refund a placed order, in full or in part: update its transaction, return its benefit as its policy says.

        A full refund voids the transaction at Omneo; a partial one replaces it by ``transaction``, the sale as it is
        now. With a ``session`` (a SQLAlchemy session of the shop's, or a connection) all of it is part of the caller's
        database transaction, like `submit`, and the worker calls Omneo; without one Omneo is called at once.
        ``reason`` is stored with the events. Return what was begun: a repeated call begins nothing, and its result is
        false. Raises `InvalidValue` for another order's transaction, `SettingsError` where the session reaches another
        database than the ledger or commits each statement at once, and `LedgerUnavailable`.
        """
        return _runtime().refund(order_number, full_refund, transaction, session, reason)

    def is_refundable(self, order_number: Id, *, full_refund: bool = True) -> bool:
        """Whether `refund` would return the order's benefit; it reads the ledger and changes nothing.

        Raises `LedgerUnavailable`.
        """
        return _runtime().is_refundable(order_number, full_refund)

    def submit(self, transaction: Transaction, *, session: AnySession) -> None:
        """Queue an order's transaction in the caller's database transaction; commit it together with the order.

        ``session`` is the shop's SQLAlchemy session, or a connection. The worker is woken after a session's commit;
        what came by a connection is found at the worker's next turn. A time without a zone is read in
        ``BENEFITS_NAIVE_TIMEZONE``. Raises `SettingsError` where the session reaches another database than the ledger
        or commits each statement at once, `TypeError` where it is no session, `InvalidValue` where ``transaction`` is
        none, and `LedgerUnavailable`.
        """
        _runtime().submit(transaction, session)

    def record(self, order_number: Id) -> OrderRecord | None:
        """Return an order's loyalty record; None where the ledger has nothing of the order. It does not call Omneo.

        Raises `LedgerUnavailable`.
        """
        return _runtime().record(order_number)

    def run_once(self) -> TurnResult:
        """Run one turn of the worker and return its counts, for shops that schedule it themselves.

        Safe to repeat and to run in several processes. What cannot be done now is retried in a later turn. Raises
        `LedgerUnavailable`.
        """
        return _runtime().run_once()


def _runtime() -> Runtime:
    runtime: Runtime | None = current_app.extensions.get(_KEY)
    if runtime is None:
        raise SettingsError("init_app", "was not called for this app.", "Call benefits.init_app(app) in create_app.")
    return runtime
