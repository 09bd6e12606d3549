"""The extension: what a merchant writes against. Each verb is imported when it is first called."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, current_app, g
from sqlalchemy.exc import SQLAlchemyError

from claimable_benefits.cli.lazy import Commands
from claimable_benefits.domain.shop import OrderState, Transaction
from claimable_benefits.errors import BenefitsError, Declined, SettingsError
from claimable_benefits.loaders import CartLoader, Loaders, OrderLoader, OrdersLoader, OwnDiscount, ShopperLoader

if TYPE_CHECKING:
    from claimable_benefits.ledger.session_hooks import AnySession
    from claimable_benefits.ledger.uses import Use
    from claimable_benefits.omneo import Transport
    from claimable_benefits.runtime import Runtime
    from claimable_benefits.service.context import Clock
    from claimable_benefits.service.holds.offers import Applied
    from claimable_benefits.service.orders.record import OrderRecord
    from claimable_benefits.service.orders.refund import Refund
    from claimable_benefits.service.worker.turn import TurnResult

_log = logging.getLogger("claimable_benefits")
_KEY = "claimable_benefits"
_QUOTED = "_claimable_benefits_shown"


class ClaimableBenefits:
    """Loyalty benefits from Omneo in a Flask shop.

    One object serves any number of apps. ``clock`` (aware, UTC; without it: the ledger's), ``sleep`` and ``transport``
    are there for tests.
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
        """Register the function that says who is signed in: a `Shopper`, or None for a guest."""
        self._loaders.shopper = loader
        return loader

    def cart_loader(self, loader: CartLoader) -> CartLoader:
        """Register the function that gives the request's `Cart`, or None where there is none."""
        self._loaders.cart = loader
        return loader

    def order_loader(self, loader: OrderLoader) -> OrderLoader:
        """Register the function that says what became of an order; None where the shop does not know.

        The worker calls it with an app context and without a request.
        """
        self._loaders.order = loader
        return loader

    def orders_loader(self, loader: OrdersLoader) -> OrdersLoader:
        """Register the function that gives the paid and cancelled orders placed from ``since`` until before ``until``.

        Optional: reconciliation compares them with the ledger and Omneo, and so finds an order that was never
        submitted. Both times are aware, in UTC; each paid `Order` brings its transaction. Called with an app context.
        """
        self._loaders.orders = loader
        return loader

    def discount(self, handle: str) -> Callable[[OwnDiscount], OwnDiscount]:
        """Register a discount that only the shop can compute: ``f(cart, policy) -> Decimal``, in major units."""

        def register(own: OwnDiscount) -> OwnDiscount:
            self._loaders.discounts[handle] = own
            return own

        return register

    @cached_property
    def blueprint(self) -> Blueprint:
        """The pages: an ordinary blueprint, for merchants who mount it themselves."""
        from claimable_benefits.web.blueprint import make_blueprint  # only where there is an app to show pages

        return make_blueprint()

    def init_app(self, app: Flask, *, register: bool = True) -> None:
        """Check the settings and mount everything. Raises `SettingsError` with the key and the remedy."""
        from claimable_benefits.runtime import Parts, make_runtime  # a shop's scripts import us without an app

        runtime = make_runtime(app, Parts(self._loaders, self._clock, self._sleep, self._transport))
        app.extensions[_KEY] = runtime
        app.cli.add_command(Commands())
        if runtime.settings.worker == "embedded":
            app.before_request(runtime.worker.start)
        if register:
            app.register_blueprint(self.blueprint, url_prefix="/account/benefits", checkout_prefix="/checkout/benefits")

    def applied(self) -> Applied | None:
        """What this request's shopper has applied to this request's cart; asks the ledger, not Omneo."""
        from claimable_benefits.service.holds.offers import read_applied

        runtime = _runtime()
        shopper, cart = runtime.load_shopper(), runtime.load_cart()
        if shopper is None or cart is None:
            return None
        applied = read_applied(runtime.context, shopper, cart)
        if applied and applied.fit.fits and _QUOTED not in g:
            setattr(g, _QUOTED, applied)
        return applied

    def redeem(self, order_number: str, *, use_id: str | None = None) -> Use | None:
        """Redeem what the cart holds, or the use ``use_id``, for an order; None where nothing is applied.

        Call it when the payment is authorised and before it is captured. Raises `Declined` where the benefit is gone,
        not confirmed, or not what this request has computed its total with: nothing is charged then.
        """
        from claimable_benefits.service.context import shopper_actor
        from claimable_benefits.service.redemption.redeem import redeem_for_order

        runtime = _runtime()
        shopper = runtime.load_shopper()
        actor = shopper_actor(shopper) if shopper else "shop"
        if use_id is None:
            shown: Applied | None = g.get(_QUOTED)
            applied = self.applied()
            still = applied if applied and applied.fit.fits else None
            if shown and (still is None or still.use_id != shown.use_id):
                sentence = f"{shown.name} is no longer reserved for this cart. Please review your order."
                raise Declined("no_longer_held", sentence)
            if still is None:
                return None
            use_id = still.use_id
        return redeem_for_order(runtime.context, use_id, order_number, actor=actor)

    @contextmanager
    def redeeming(self, order_number: str, *, use_id: str | None = None) -> Iterator[Use | None]:
        """Redeem for the length of a block in which the money moves.

        If the block raises, the redemption is undone, unless the order loader says that the order is paid, or that it
        is not known yet; then it waits for the verdict. Raises `Declined` like `redeem`, before the block runs.
        Commit the order before: the loader must find it, and the ledger needs the database for a moment.
        """
        use = self.redeem(order_number, use_id=use_id)
        try:
            yield use
        except Exception:
            if use is not None:
                self._block_failed(order_number)
            raise

    def rollback(self, order_number: str, *, reason: str = "the order was not placed") -> bool:
        """The order will not be placed: give its benefit back, now or by the worker. True where there is one."""
        from claimable_benefits.service.redemption.rollback import roll_back_order

        return roll_back_order(_runtime().context, order_number, actor="shop", reason=reason)

    def refund(
        self,
        order_number: str,
        *,
        full_refund: bool = True,
        transaction: Transaction | None = None,
        session: AnySession | None = None,
        reason: str = "the order was cancelled",
    ) -> Refund:
        """A placed order was cancelled or refunded: Omneo hears of it, and its benefit comes back as its policy says.

        A full refund voids the recorded sale; a partial one needs the sale as it is now, as ``transaction``. With a
        ``session`` all of it is part of the caller's database transaction, like `submit`. A repeated call sets nothing
        in motion, and its result is false. Raises `ValueError` for another order's transaction.
        """
        from claimable_benefits.service.orders.refund import refund_in, refund_order

        runtime = _runtime()
        order: dict[str, Any] = {"full_refund": full_refund, "transaction": transaction, "reason": reason}
        if session is None:
            given = refund_order(runtime.context, order_number, actor="shop", **order)
            runtime.wake()
            return given
        from claimable_benefits.ledger.session_hooks import after_commit, connection_of

        given = refund_in(runtime.context, connection_of(session), order_number, actor="shop", **order)
        after_commit(session, runtime.wake)
        return given

    def is_refundable(self, order_number: str, *, full_refund: bool = True) -> bool:
        """Whether `give_back` would return the order's benefit; changes nothing, and asks the ledger, not Omneo."""
        from claimable_benefits.service.orders.refund import is_refundable

        return is_refundable(_runtime().context, order_number, full_refund=full_refund)

    def submit(self, transaction: Transaction, *, session: AnySession) -> None:
        """Queue an order's transaction in the caller's database transaction; commit it together with the order.

        ``session`` is the shop's SQLAlchemy session, or a connection of it. The worker is woken once a session has
        really committed; what came by a connection is found at its next look. Raises `SettingsError` where the session
        reaches another database than the ledger.
        """
        from claimable_benefits.ledger.session_hooks import after_commit, connection_of
        from claimable_benefits.service.orders.submit import submit

        runtime = _runtime()
        submit(runtime.context, transaction, connection_of(session))
        after_commit(session, runtime.wake)

    def record(self, order_number: str) -> OrderRecord | None:
        """What the loyalty programme knows of an order; asks the ledger, not Omneo."""
        from claimable_benefits.service.orders.record import read_record

        return read_record(_runtime().context, order_number)

    def run_once(self) -> TurnResult:
        """One turn of the worker, for shops that schedule it themselves."""
        from claimable_benefits.service.worker.turn import run_once

        return run_once(_runtime().worker_context())

    def _block_failed(self, order_number: str) -> None:
        """Decide about the redemption. The block's own error is what the shop must see, so none of ours replaces it."""
        from claimable_benefits.service.orders.unplaced import order_of
        from claimable_benefits.service.redemption.rollback import roll_back_order

        context = _runtime().context
        order = order_of(context, order_number)
        if order is None or order.state not in (OrderState.OPEN, OrderState.CANCELLED):
            return
        try:
            roll_back_order(context, order_number, actor="shop", reason="the payment failed")
        except (BenefitsError, SQLAlchemyError):
            _log.exception("Order %s: its benefit is given back by the worker.", order_number)


def _runtime() -> Runtime:
    runtime: Runtime | None = current_app.extensions.get(_KEY)
    if runtime is None:
        raise SettingsError("init_app", "was not called for this app.", "Call benefits.init_app(app) in create_app.")
    return runtime
