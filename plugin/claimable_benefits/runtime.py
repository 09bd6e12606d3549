"""The runtime of one app, made from its settings: ledger, client, wallets, the services' context, worker."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from flask import Flask, g
from sqlalchemy.exc import SQLAlchemyError

from claimable_benefits.cache.circuit_breaker import CircuitBreaker
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
from claimable_benefits.service.holds.offers import Applied, read_applied
from claimable_benefits.service.orders.record import OrderRecord, read_record
from claimable_benefits.service.orders.refund import Refund, is_refundable, refund_in, refund_order
from claimable_benefits.service.orders.submit import check_transaction, submit
from claimable_benefits.service.orders.unplaced import order_of
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.redemption.rollback import roll_back_order
from claimable_benefits.service.worker.loop import WorkerThread
from claimable_benefits.service.worker.notifier import CeleryNotifier
from claimable_benefits.service.worker.turn import TurnResult, run_once
from claimable_benefits.settings import Settings, read_settings
from claimable_benefits.settings.addresses import normalised_tenant
from claimable_benefits.wallet.factory import wallet_cache_of

if TYPE_CHECKING:
    from claimable_benefits.ledger.session_hooks import AnySession

_log = logging.getLogger("claimable_benefits")
GivenTransaction = Transaction | Callable[[], Transaction]
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

    def applied(self) -> Applied | None:
        """Return what this request's shopper has applied to this request's cart; None where nothing is applied."""
        shopper, cart = self.load_shopper(), self.load_cart()
        if shopper is None or cart is None:
            return None
        applied = read_applied(self.context, shopper, cart)
        if applied and applied.fit.fits and _SHOWN not in g:
            setattr(g, _SHOWN, applied)
        return applied

    def redeem(self, order: Id, use: Id | None, sale: GivenTransaction | None) -> Use | None:
        """Redeem what the cart holds, or ``use``, for an order; never another benefit than this request showed.

        ``sale`` is checked before anything is sent.
        """
        order_number, use_id = order_number_of(order), optional_id(use, "use_id")
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
        return redeem_for_order(self.context, use_id, order_number, actor=actor)

    def roll_back(self, order: Id, reason: str) -> bool:
        """Roll back an order that will not be placed. Return True where it has a redemption."""
        return roll_back_order(self.context, order_number_of(order), actor="shop", reason=reason)

    def roll_back_failed_block(self, order_id: Id) -> None:
        """Roll back unless the order is paid or not known. The shop gets the block's own error, so none of ours."""
        order_number = order_number_of(order_id)
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
        self.context.wallets.close()
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
        settings, context, _embedded_worker(context, settings), CeleryNotifier(), collaborators.loaders, LoaderReports()
    )


def _context(app: Flask, settings: Settings, collaborators: Collaborators) -> Context:
    ledger, thread_pool = _open_ledger(settings), ThreadPool()
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
            variants=TenantFacts(ledger, clock),
            gather=thread_pool.gather,
            breakers={lane: CircuitBreaker() for lane in ("read", "redeem", "deliver")},
        ),
        clock=clock,
        sleep=collaborators.sleep,
        order_loader=_in_app_context(app, collaborators.loaders, naive_times),
        policies=_read_policies(settings),
        own_discounts=collaborators.loaders.discounts,
        timing=Timing(
            hold=timedelta(minutes=settings.hold_minutes),
            order_grace=timedelta(minutes=settings.order_grace_minutes),
            trust_absence_after=timedelta(seconds=settings.resolve_seconds),
        ),
        wallets=wallet_cache_of(settings, thread_pool),
        reference_prefix=settings.reference_prefix,
        reference_key=reference_key(app.secret_key or b""),
        sender=app,
        orders_loader=_orders_in_app_context(app, collaborators.loaders, naive_times),
        reconcile=settings.reconcile,
        keep=timedelta(days=settings.keep_days) if settings.keep_days else None,
        naive_times=naive_times,
    )


def _in_app_context(app: Flask, loaders: Loaders, naive_times: NaiveTimes) -> OrderLoader:
    """Call the loader in an app context of its own: it sees what is committed, not the session of the request."""

    def load(number: str) -> Order | None:
        if loaders.order is None:
            return None
        with app.app_context():
            answer = calling("order_loader", loaders.order, number)
        return checked_order(number, answer, naive_times.aware)

    return load


def _orders_in_app_context(
    app: Flask, loaders: Loaders, naive_times: NaiveTimes
) -> Callable[[datetime, datetime], Iterable[Order] | None]:
    """The same for the loader of a period's orders; None where the shop has registered none, or it fails."""

    def load(since: datetime, until: datetime) -> Iterable[Order] | None:
        if loaders.orders is None:
            return None
        try:
            with app.app_context():
                answer = calling("orders_loader", lambda: _listed(loaders.orders, since, until))
            return checked_orders(answer, naive_times.aware)
        except LoaderError:
            _log.exception("The outbox is compared instead of the shop's orders.")
            return None

    return load


def _listed(loader: OrdersLoader | None, since: datetime, until: datetime) -> object:
    """Read a generator's orders while its app context, and so the shop's session, is there."""
    answer = loader(since, until) if loader else None
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
