"""The extension: puts settings, ledger, client, verbs, pages and commands together for an app."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar

from flask import Blueprint, Flask, current_app, g
from sqlalchemy.exc import SQLAlchemyError

from claimable_benefits.cache.breaker import Breaker
from claimable_benefits.cache.crew import Crew
from claimable_benefits.commands import Commands
from claimable_benefits.domain.policy import Policy, PolicyError, read_policies
from claimable_benefits.domain.shop import Cart, Order, OrderState, Shopper, Transaction
from claimable_benefits.errors import BenefitsError, Declined, LedgerUnavailable, SettingsError
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.failures import words
from claimable_benefits.ledger.memory import Memory
from claimable_benefits.ledger.uses import Use
from claimable_benefits.omneo import OmneoClient, Transport
from claimable_benefits.service.context import Clock, Context, OwnDiscount, Timing, by
from claimable_benefits.service.hints import Hints
from claimable_benefits.service.offers import Applied, read_applied
from claimable_benefits.service.records import Record, read_record
from claimable_benefits.service.redeem import redeem_for_order
from claimable_benefits.service.remember import remember_shelves
from claimable_benefits.service.submit import submit
from claimable_benefits.service.undo import undo_order
from claimable_benefits.service.unplaced import order_of
from claimable_benefits.service.worker import EmbeddedWorker
from claimable_benefits.settings import Settings, read_settings

if TYPE_CHECKING:
    from claimable_benefits.ledger.joining import AnySession
    from claimable_benefits.service.give_back import GivenBack
    from claimable_benefits.service.work import WorkDone

_log = logging.getLogger("claimable_benefits")
_KEY = "claimable_benefits"
_SHOWN = "_claimable_benefits_shown"

ShopperLoader = Callable[[], Shopper | None]
CartLoader = Callable[[], Cart | None]
OrdersLoader = Callable[[datetime, datetime], Iterable[Order]]
OrderLoader = Callable[[str], Order | None]
Loader = TypeVar("Loader", bound=Callable[..., Any])


@dataclass(slots=True)
class _Loaders:
    """What the merchant tells us; filled by the decorators, before or after `init_app`."""

    shopper: ShopperLoader | None = None
    cart: CartLoader | None = None
    order: OrderLoader | None = None
    orders: OrdersLoader | None = None
    discounts: dict[str, OwnDiscount] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Runtime:
    """What one app has of us, at ``app.extensions["claimable_benefits"]``."""

    settings: Settings
    context: Context
    worker: EmbeddedWorker
    hints: Hints
    loaders: _Loaders

    def load_shopper(self) -> Shopper | None:
        """Who is signed in; None for a guest."""
        return _needed(self.loaders.shopper, "shopper_loader")()

    def load_cart(self) -> Cart | None:
        """What is in the cart of this request."""
        return _needed(self.loaders.cart, "cart_loader")()

    def patient(self) -> Context:
        """The context of workers: they have more patience with Omneo than a shopper's request."""
        return _patient(self.context)

    def wake(self) -> None:
        """There is something to do now. Returns at once and never raises: a checkout is waiting."""
        if self.settings.worker == "celery":
            self.hints.give()
        else:
            self.worker.wake()

    def close(self) -> None:
        """Let the worker finish its call, then close every connection: what the end of a process would do."""
        self.hints.stop()
        self.worker.stop()
        self.context.shelves.close()
        self.context.omneo.close()
        self.context.ledger.close()


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
        self._loaders = _Loaders()

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
        if not app.secret_key:
            raise SettingsError("SECRET_KEY", "is not set.", "The forms are signed with it: set a long random text.")
        settings = read_settings(app.config, instance_path=app.instance_path, root_path=app.root_path)
        if settings.worker == "celery" and find_spec("celery") is None:
            remedy = 'pip install "flask-claimable-benefits[celery]", or choose embedded or off.'
            raise SettingsError("BENEFITS_WORKER", "is celery, which is not installed.", remedy)
        context = self._context(app, settings)
        worker = _embedded_worker(context, settings)
        app.extensions[_KEY] = Runtime(settings, context, worker, Hints(), self._loaders)
        app.cli.add_command(Commands())
        if settings.worker == "embedded":
            app.before_request(worker.start)
        if register:
            app.register_blueprint(self.blueprint, url_prefix="/account/benefits", checkout_prefix="/checkout/benefits")

    def applied(self) -> Applied | None:
        """What this request's shopper has applied to this request's cart; asks the ledger, not Omneo."""
        runtime = _runtime()
        shopper, cart = runtime.load_shopper(), runtime.load_cart()
        if shopper is None or cart is None:
            return None
        applied = read_applied(runtime.context, shopper, cart)
        if applied and applied.fit.fits and _SHOWN not in g:
            setattr(g, _SHOWN, applied)
        return applied

    def redeem(self, order_number: str, *, use_id: str | None = None) -> Use | None:
        """Redeem what the cart holds, or the use ``use_id``, for an order; None where nothing is applied.

        Call it when the payment is authorised and before it is captured. Raises `Declined` where the benefit is gone,
        not confirmed, or not what this request has computed its total with: nothing is charged then.
        """
        runtime = _runtime()
        shopper = runtime.load_shopper()
        actor = by(shopper) if shopper else "shop"
        if use_id is None:
            shown: Applied | None = g.get(_SHOWN)
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

    def undo(self, order_number: str, *, reason: str = "the order was not placed") -> bool:
        """The order will not be placed: give its benefit back, now or by the worker. True where there is one."""
        return undo_order(_runtime().context, order_number, actor="shop", reason=reason)

    def give_back(
        self,
        order_number: str,
        *,
        full_refund: bool = True,
        transaction: Transaction | None = None,
        session: AnySession | None = None,
        reason: str = "the order was cancelled",
    ) -> GivenBack:
        """A placed order was cancelled or refunded: Omneo hears of it, and its benefit comes back as its policy says.

        A full refund voids the recorded sale; a partial one needs the sale as it is now, as ``transaction``. With a
        ``session`` all of it is part of the caller's database transaction, like `submit`. A repeated call sets nothing
        in motion, and its result is false. Raises `ValueError` for another order's transaction.
        """
        from claimable_benefits.service.give_back import give_back_in, give_back_order  # only for shops that refund

        runtime = _runtime()
        order: dict[str, Any] = {"full_refund": full_refund, "transaction": transaction, "reason": reason}
        if session is None:
            given = give_back_order(runtime.context, order_number, actor="shop", **order)
            runtime.wake()
            return given
        from claimable_benefits.ledger.joining import after_commit, connection_of  # as in `submit`

        given = give_back_in(runtime.context, connection_of(session), order_number, actor="shop", **order)
        after_commit(session, runtime.wake)
        return given

    def comes_back(self, order_number: str, *, full_refund: bool = True) -> bool:
        """Whether `give_back` would return the order's benefit; changes nothing, and asks the ledger, not Omneo."""
        from claimable_benefits.service.give_back import comes_back  # as in `give_back`

        return comes_back(_runtime().context, order_number, full_refund=full_refund)

    def submit(self, transaction: Transaction, *, session: AnySession) -> None:
        """Queue an order's transaction in the caller's database transaction; commit it together with the order.

        ``session`` is the shop's SQLAlchemy session, or a connection of it. The worker is woken once a session has
        really committed; what came by a connection is found at its next look. Raises `SettingsError` where the session
        reaches another database than the ledger.
        """
        from claimable_benefits.ledger.joining import (  # SQLAlchemy's ORM: a shop may do without
            after_commit,
            connection_of,
        )

        runtime = _runtime()
        submit(runtime.context, transaction, connection_of(session))
        after_commit(session, runtime.wake)

    def record(self, order_number: str) -> Record | None:
        """What the loyalty programme knows of an order; asks the ledger, not Omneo."""
        return read_record(_runtime().context, order_number)

    def work_once(self) -> WorkDone:
        """One turn of the worker, for shops that schedule it themselves."""
        return _turn(_patient(_runtime().context))

    def _block_failed(self, order_number: str) -> None:
        """Decide about the redemption. The block's own error is what the shop must see, so none of ours replaces it."""
        context = _runtime().context
        order = order_of(context, order_number)
        if order is None or order.state not in (OrderState.OPEN, OrderState.CANCELLED):
            return
        try:
            undo_order(context, order_number, actor="shop", reason="the payment failed")
        except (BenefitsError, SQLAlchemyError):
            _log.exception("Order %s: its benefit is given back by the worker.", order_number)

    def _context(self, app: Flask, settings: Settings) -> Context:
        ledger, crew = _open_ledger(settings), Crew()
        clock = self._clock or ledger.clock
        return Context(
            ledger=ledger,
            omneo=OmneoClient(
                settings.base_url,
                settings.token.reveal,
                timezone=settings.timezone,
                identity_handle=settings.identity_handle,
                dialect=settings.dialect,
                dates=settings.dates,
                transport=self._transport,
                forms=Memory(ledger, clock),
                together=crew.together,
                breakers={lane: Breaker() for lane in ("read", "redeem", "deliver")},
            ),
            clock=clock,
            sleep=self._sleep,
            order_loader=self._in_app_context(app),
            policies=_read_policies(settings),
            own_discounts=self._loaders.discounts,
            timing=Timing(
                hold=timedelta(minutes=settings.hold_minutes),
                order_grace=timedelta(minutes=settings.order_grace_minutes),
                settle=timedelta(seconds=settings.settle_seconds),
            ),
            shelves=remember_shelves(settings, crew, ledger),
            reference_prefix=settings.reference_prefix,
            sender=app.name,
            orders_loader=self._orders_in_app_context(app),
            reconcile=settings.reconcile,
        )

    def _in_app_context(self, app: Flask) -> OrderLoader:
        """A context of its own: the loader sees what is committed, not what a half-done request has in its session."""

        def load(number: str) -> Order | None:
            with app.app_context():
                return self._loaders.order(number) if self._loaders.order else None

        return load

    def _orders_in_app_context(self, app: Flask) -> Callable[[datetime, datetime], Iterable[Order] | None]:
        """The same for the orders of a period; None where the shop has registered no such loader."""

        def load(since: datetime, until: datetime) -> Iterable[Order] | None:
            with app.app_context():
                return list(self._loaders.orders(since, until)) if self._loaders.orders else None

        return load


def _runtime() -> Runtime:
    runtime: Runtime | None = current_app.extensions.get(_KEY)
    if runtime is None:
        raise SettingsError("init_app", "was not called for this app.", "Call benefits.init_app(app) in create_app.")
    return runtime


def _needed(loader: Loader | None, name: str) -> Loader:
    if loader is None:
        raise SettingsError(name, "is not registered.", f"Decorate a function of your shop with @benefits.{name}.")
    return loader


def _patient(context: Context) -> Context:
    """The worker has more patience with Omneo than a shopper's request."""
    return replace(context, omneo=context.omneo.patient())


def _turn(context: Context) -> WorkDone:
    from claimable_benefits.service.work import run_once  # only where the work is done

    return run_once(context)


def _embedded_worker(context: Context, settings: Settings) -> EmbeddedWorker:
    worker: EmbeddedWorker

    def turn() -> WorkDone:
        return _turn(replace(_patient(context), stopping=worker.is_stopping))

    worker = EmbeddedWorker(turn, settings.worker_seconds)
    return worker


def _open_ledger(settings: Settings) -> Ledger:
    try:
        ledger = Ledger(settings.database_url)
        ledger.create_tables()
    except (ValueError, LedgerUnavailable) as error:
        remedy = "start the server" if settings.database_url.startswith("postgres") else "make the folder"
        raise _unusable(error, f"Correct the address, or {remedy}.") from error
    except SQLAlchemyError as error:
        remedy = "Let this role change tables, or run `flask benefits db upgrade` with the address of one that may."
        raise _unusable(error, remedy) from error
    return ledger


def _unusable(error: Exception, remedy: str) -> SettingsError:
    return SettingsError("BENEFITS_DATABASE_URL", f"cannot be used: {words(error)}.", remedy)


def _read_policies(settings: Settings) -> dict[str, Policy]:
    try:
        return read_policies(settings.policies)
    except PolicyError as error:
        where = f"{settings.policies_path}, {error.key} {error.problem}"
        raise SettingsError("BENEFITS_POLICIES", where, error.remedy) from error
