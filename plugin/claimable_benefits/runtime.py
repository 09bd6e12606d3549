"""The runtime of one app, made from its settings: ledger, client, wallets, the services' context, worker."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from blinker import Signal
from flask import Flask, current_app, g
from sqlalchemy.exc import SQLAlchemyError

from claimable_benefits.cache.circuit_breaker import CircuitBreaker
from claimable_benefits.cache.rate_limiter import RateLimiter
from claimable_benefits.cache.thread_pool import ThreadPool
from claimable_benefits.domain.order_references import reference_key
from claimable_benefits.domain.policy import Policy, PolicyError, read_policies
from claimable_benefits.domain.references import order_number_of
from claimable_benefits.domain.shop import Cart, Order, OrderState, Shopper, Transaction
from claimable_benefits.domain.values import Id, optional_id
from claimable_benefits.errors import BenefitsError, Declined, LedgerUnavailable, LoaderError, SettingsError
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.db_errors import words
from claimable_benefits.ledger.tenant_facts import TenantFacts
from claimable_benefits.ledger.uses import Use
from claimable_benefits.loader_calls import ORDER_SECONDS, ORDERS_SECONDS, LoaderThreads
from claimable_benefits.loaders import (
    LoaderReports,
    Loaders,
    OrderLoader,
    OrdersLoader,
    calling,
    checked_order,
    checked_orders,
    load_value,
)
from claimable_benefits.omneo import OmneoClient, Transport
from claimable_benefits.service.context import Clock, Context, NaiveTimes, Timing, shopper_actor
from claimable_benefits.service.delivery.pause import are_paused
from claimable_benefits.service.holds.offers import Applied, read_applied
from claimable_benefits.service.orders.record import OrderRecord, read_record
from claimable_benefits.service.orders.refund import Refund, is_refundable, refund_in, refund_order
from claimable_benefits.service.orders.submit import check_database, check_transaction, submit
from claimable_benefits.service.orders.unplaced import order_of
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.redemption.rollback import roll_back_order
from claimable_benefits.service.worker.loop import WorkerThread
from claimable_benefits.service.worker.notifier import CeleryNotifier
from claimable_benefits.service.worker.turn import TurnResult, run_once
from claimable_benefits.settings import Settings, read_settings
from claimable_benefits.settings.addresses import normalised_tenant
from claimable_benefits.wallet.factory import wallet_cache_of
from claimable_benefits.wallet.read_ahead import ReadAhead

if TYPE_CHECKING:
    from claimable_benefits.ledger.session_hooks import AnySession

_log = logging.getLogger("claimable_benefits")
GivenTransaction = Transaction | Callable[[], Transaction]
_OPEN_WRITE = "this request has written to the database and not committed it"
_KEY = "claimable_benefits"
# A first visit reads its two lists and notes the profile at once. Omneo's client has 50 connections: clicks need some.
_READING_THREADS = 32
_SHOWN = "_claimable_benefits_shown"  # in Flask's g: what this request has shown as applied


@dataclass(frozen=True, slots=True)
class Collaborators:
    """What an app gives besides its settings; tests replace clock, sleep and transport."""

    loaders: Loaders
    clock: Clock | None
    sleep: Callable[[float], None]
    transport: Transport | None


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything that the extension stores for one app, at ``app.extensions["claimable_benefits"]``."""

    settings: Settings
    context: Context
    worker: WorkerThread
    notifier: CeleryNotifier
    loaders: Loaders
    reports: LoaderReports
    clicks: RateLimiter
    read_ahead: ReadAhead

    def warn_of_missing_loaders(self) -> None:
        """Log once, with the first request, what the shop has not registered by then."""
        self.reports.missing(self.loaders)

    def report_loader(self, error: BenefitsError) -> None:
        """Log that a loader failed: each failure at most once a minute, as every page meets it."""
        self.reports.failed(error)

    def load_shopper(self) -> Shopper | None:
        """Return who is signed in; None for a guest. Raises `LoaderError`."""
        return load_value(self.loaders.shopper, "shopper_loader", Shopper)

    def load_cart(self) -> Cart | None:
        """Return the cart of this request; None where there is none. Raises `LoaderError`."""
        return load_value(self.loaders.cart, "cart_loader", Cart)

    def warm(self, shopper: Shopper | None) -> None:
        """Read the wallet of ``shopper``, or of this request's shopper, in the background."""
        if shopper := shopper or self.load_shopper():
            self.read_ahead.warm(shopper)

    def applied(self) -> Applied | None:
        """Return what this request's shopper has applied to this request's cart; None where nothing is applied."""
        shopper, cart = self.load_shopper(), self.load_cart()
        if shopper is None or cart is None:
            return None
        applied = read_applied(self.context, shopper, cart)
        if applied and applied.fit.fits and _SHOWN not in g:
            setattr(g, _SHOWN, applied)
        return applied

    def redeem(
        self, order: Id, use: Id | None, sale: GivenTransaction | None, session: AnySession | None = None
    ) -> Use | None:
        """Redeem what the cart holds, or ``use``, for an order; never another benefit than this request showed.

        ``sale`` and ``session`` are checked before anything is sent.
        """
        order_number, use_id = order_number_of(order), optional_id(use, "use_id")
        self.check_session(session, "redeem()")
        if sale is not None:
            check_transaction(self.context, sale() if callable(sale) else sale, order_number)
        shopper = self.load_shopper()
        actor = shopper_actor(shopper) if shopper else "shop"
        if use_id is None:
            shown: Applied | None = g.get(_SHOWN)
            applied = self.applied()
            fitting = applied if applied and applied.fit.fits else None
            if shown and (fitting is None or fitting.use_id != shown.use_id):
                sentence = f"{shown.name} is no longer reserved for this cart. Please review your order."
                raise Declined("no_longer_held", sentence)
            if fitting is None:
                return None
            use_id = fitting.use_id
        try:
            return redeem_for_order(self.context, use_id, order_number, actor=actor)
        except LedgerUnavailable as error:
            if "database is locked" in str(error):  # perhaps by a session that this request has not shown us
                raise LedgerUnavailable(f"{error} Has this request committed the order? Do so first.") from error
            raise

    def check_session(self, session: AnySession | None, verb: str) -> None:
        """Check the shop's session while nothing has happened yet.

        Raises `SettingsError` where ``session`` cannot be one commit with the ledger, and `LedgerUnavailable` where the
        ledger would wait for a write of this request's own.
        """
        if session is not None:
            import claimable_benefits.ledger.session_hooks as hooks

            with hooks.connection_for_a_moment(session) as connection:
                check_database(self.context, connection, verb)
        if self._is_locked_by_request(session):
            raise LedgerUnavailable(
                f"The ledger cannot be used right now: {_OPEN_WRITE}. Commit the order first, then call {verb}."
            )

    def _is_locked_by_request(self, session: AnySession | None) -> bool:
        """Whether ``session``, or that of Flask-SQLAlchemy, holds the lock for which a write of the ledger waits."""
        if not self.context.ledger.has_one_lock or (session is None and "sqlalchemy" not in current_app.extensions):
            return False
        import claimable_benefits.ledger.session_hooks as hooks

        known = session if session is not None else hooks.request_session(current_app.extensions)
        if known is None or not hooks.is_in_transaction(known):
            return False
        try:
            with hooks.connection_for_a_moment(known) as connection:
                return self.context.ledger.is_locked_by(connection)
        except SettingsError:  # a session that has nothing to do with the ledger
            return False

    def roll_back(self, order: Id, reason: str) -> bool:
        """Roll back an order that will not be placed. Return True where it has a redemption."""
        self.check_session(None, "rollback()")
        return roll_back_order(self.context, order_number_of(order), actor="shop", reason=reason)

    def roll_back_failed_block(self, order_id: Id, session: AnySession | None = None) -> None:
        """Roll back unless the order is paid or not known. The shop gets the block's own error, so none of ours."""
        order_number = order_number_of(order_id)
        if self._is_locked_by_request(session):
            _log.warning("Order %s: the worker rolls its redemption back, as %s.", order_number, _OPEN_WRITE)
            return
        order = order_of(self.context, order_number)
        if order is None or order.state not in (OrderState.OPEN, OrderState.CANCELLED):
            return
        try:
            self.roll_back(order_number, "the payment failed")
        except (BenefitsError, SQLAlchemyError):
            _log.exception("Order %s: the worker rolls its redemption back.", order_number)

    def refund(
        self,
        order_id: Id,
        full_refund: bool,
        transaction: Transaction | None,
        session: AnySession | None,
        reason: str,
    ) -> Refund:
        """Refund a placed order, at once or in the database transaction of ``session``."""
        order_number = order_number_of(order_id)
        order: dict[str, Any] = {"full_refund": full_refund, "transaction": transaction, "reason": reason}
        if session is None:
            self.check_session(None, "refund()")
            refund = refund_order(self.context, order_number, actor="shop", **order)
            self.wake()
            return refund
        import claimable_benefits.ledger.session_hooks as hooks

        refund = refund_in(self.context, hooks.connection_of(session), order_number, actor="shop", **order)
        hooks.after_commit(session, self.wake)
        return refund

    def is_refundable(self, order: Id, full_refund: bool) -> bool:
        """Whether a refund would return the order's benefit."""
        return is_refundable(self.context, order_number_of(order), full_refund=full_refund)

    def submit(self, transaction: Transaction, session: AnySession) -> None:
        """Queue an order's transaction in the database transaction of ``session``."""
        import claimable_benefits.ledger.session_hooks as hooks

        submit(self.context, transaction, hooks.connection_of(session))
        hooks.after_commit(session, self.wake)

    def record(self, order: Id) -> OrderRecord | None:
        """Return an order's loyalty record; None where the ledger has nothing of the order."""
        return read_record(self.context, order_number_of(order))

    def run_once(self) -> TurnResult:
        """Run one turn of the worker."""
        return run_once(self.worker_context())

    def worker_context(self) -> Context:
        """Return the context of workers: its client has longer timeouts than that of a shopper's request."""
        return _worker_context(self.context)

    def wake(self) -> None:
        """Wake the worker. Returns at once and never raises: a checkout is waiting."""
        if self.settings.worker == "celery":
            self.notifier.notify()
        else:
            self.worker.wake()

    def close(self) -> None:
        """Let the worker finish its call, then close every connection."""
        self.notifier.stop()
        self.worker.stop()
        self.read_ahead.stop()
        self.context.wallets.close()
        self.clicks.close()
        self.context.omneo.close()
        self.context.ledger.close()


def make_runtime(app: Flask, collaborators: Collaborators) -> Runtime:
    """Read the settings and open everything. Raises `SettingsError` with the key and the remedy."""
    if not app.secret_key:
        raise SettingsError("SECRET_KEY", "is not set.", "The forms are signed with it: set a long random text.")
    settings = read_settings(app.config, instance_path=app.instance_path, root_path=app.root_path)
    if settings.worker == "celery" and find_spec("celery") is None:
        remedy = 'pip install "flask-claimable-benefits[celery]", or choose embedded or off.'
        raise SettingsError("BENEFITS_WORKER", "is celery, which is not installed.", remedy)
    context = _context(app, settings, collaborators)
    return Runtime(
        settings=settings,
        context=context,
        worker=_embedded_worker(context, settings),
        notifier=CeleryNotifier(),
        loaders=collaborators.loaders,
        reports=LoaderReports(),
        clicks=RateLimiter(settings.cache_url, f"{settings.base_url} {settings.reference_prefix}"),
        read_ahead=ReadAhead(context.wallets, context.wallet_source, lambda: are_paused(context)),
    )


def warm_at_sign_in(app: Flask, warm: Callable[[], None]) -> None:
    """Call ``warm`` after each sign-in by Flask-Login, where it is installed: its signal comes within the request."""
    if find_spec("flask_login") is None:
        return
    try:
        signed_in: Signal = import_module("flask_login").user_logged_in
    except ImportError as error:  # a release that does not work with this Flask
        _log.warning("Flask-Login cannot be imported (%s), so benefits are not read ahead at sign-in.", error)
        return

    def on_sign_in(_app: Flask, **_facts: object) -> None:
        warm()

    signed_in.connect(on_sign_in, sender=app)
    app.extensions[f"{_KEY}_sign_in"] = on_sign_in  # signals hold their receivers weakly


def _context(app: Flask, settings: Settings, collaborators: Collaborators) -> Context:
    ledger, thread_pool, threads = _open_ledger(settings), ThreadPool(_READING_THREADS), LoaderThreads(app)
    naive_times = NaiveTimes(ZoneInfo(settings.naive_timezone))
    clock = collaborators.clock or ledger.clock
    return Context(
        ledger=ledger,
        omneo=OmneoClient(
            settings.base_url,
            settings.token.reveal,
            timezone=settings.timezone,
            identity_handle=settings.identity_handle,
            dialect=settings.dialect,
            dates=settings.dates,
            transport=collaborators.transport,
            proxy=settings.proxy.reveal(),
            variants=TenantFacts(ledger, clock),
            gather=thread_pool.gather,
            breakers={lane: CircuitBreaker() for lane in ("read", "redeem", "deliver")},
        ),
        clock=clock,
        sleep=collaborators.sleep,
        order_loader=_order_loader(threads, collaborators.loaders, naive_times),
        policies=_read_policies(settings),
        own_discounts=collaborators.loaders.discounts,
        timing=Timing(
            hold=timedelta(minutes=settings.hold_minutes),
            order_grace=timedelta(minutes=settings.order_grace_minutes),
            trust_absence_after=timedelta(seconds=settings.resolve_seconds),
        ),
        wallets=wallet_cache_of(settings, thread_pool, app.secret_key or ""),
        reference_prefix=settings.reference_prefix,
        reference_key=reference_key(app.secret_key or b""),
        sender=app,
        orders_loader=_orders_loader(threads, collaborators.loaders, naive_times),
        reconcile=settings.reconcile,
        keep=timedelta(days=settings.keep_days) if settings.keep_days else None,
        naive_times=naive_times,
    )


def _order_loader(threads: LoaderThreads, loaders: Loaders, naive_times: NaiveTimes) -> OrderLoader:
    """Ask the shop about an order apart from the request (see `LoaderThreads`), and check what it answers."""

    def load(number: str) -> Order | None:
        if loaders.order is None:
            return None
        ask = partial(threads.call, loaders.order, number, seconds=ORDER_SECONDS)
        return checked_order(number, calling("order_loader", ask), naive_times.aware)

    return load


def _orders_loader(
    threads: LoaderThreads, loaders: Loaders, naive_times: NaiveTimes
) -> Callable[[datetime, datetime], Iterable[Order] | None]:
    """The same for a period's orders; None where the shop has registered no such loader, or it fails."""

    def load(since: datetime, until: datetime) -> Iterable[Order] | None:
        if loaders.orders is None:
            return None
        ask = partial(threads.call, _listed, loaders.orders, since, until, seconds=ORDERS_SECONDS)
        try:
            return checked_orders(calling("orders_loader", ask), naive_times.aware)
        except LoaderError:
            _log.exception("The outbox is compared instead of the shop's orders.")
            return None

    return load


def _listed(loader: OrdersLoader, since: datetime, until: datetime) -> object:
    """Read a generator's orders while its app context, and so the shop's session, is there."""
    answer = loader(since, until)
    return list(answer) if isinstance(answer, Iterable) else answer


def _worker_context(context: Context) -> Context:
    """Replace the client by one with longer timeouts."""
    return replace(context, omneo=context.omneo.for_workers())


def _embedded_worker(context: Context, settings: Settings) -> WorkerThread:
    worker: WorkerThread

    def turn() -> TurnResult:
        return run_once(replace(_worker_context(context), stopping=worker.is_stopping))

    worker = WorkerThread(turn, settings.worker_seconds)
    return worker


def _open_ledger(settings: Settings) -> Ledger:
    try:
        ledger = Ledger(
            settings.database_url,
            tenant=normalised_tenant(settings.base_url),
            order_prefix=settings.order_prefix,
        )
        ledger.create_tables()
        # Stamped now, not by the first submit(): that runs while the host's own transaction has SQLite's only lock.
        ledger.shop  # noqa: B018
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
