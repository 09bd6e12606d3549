"""The runtime of one app, made from its settings: ledger, client, wallets, the services' context, worker."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from blinker import Signal
from flask import Flask, g
from sqlalchemy.exc import SQLAlchemyError

from claimable_benefits.cache.circuit_breaker import CircuitBreaker
from claimable_benefits.cache.thread_pool import ThreadPool
from claimable_benefits.domain.policy import Policy, PolicyError, read_policies
from claimable_benefits.domain.shop import Cart, Order, OrderState, Shopper, Transaction
from claimable_benefits.errors import BenefitsError, Declined, LedgerUnavailable, SettingsError
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.db_errors import words
from claimable_benefits.ledger.tenant_facts import TenantFacts
from claimable_benefits.ledger.uses import Use
from claimable_benefits.loaders import Loaders, OrderLoader, registered
from claimable_benefits.omneo import OmneoClient, Transport
from claimable_benefits.service.context import Clock, Context, Timing, shopper_actor
from claimable_benefits.service.delivery.deliver import are_paused
from claimable_benefits.service.holds.offers import Applied, read_applied
from claimable_benefits.service.orders.record import OrderRecord, read_record
from claimable_benefits.service.orders.refund import Refund, is_refundable, refund_in, refund_order
from claimable_benefits.service.orders.submit import submit
from claimable_benefits.service.orders.unplaced import order_of
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.redemption.rollback import roll_back_order
from claimable_benefits.service.worker.loop import WorkerThread
from claimable_benefits.service.worker.notifier import CeleryNotifier
from claimable_benefits.service.worker.turn import TurnResult, run_once
from claimable_benefits.settings import Settings, read_settings
from claimable_benefits.wallet.factory import wallet_cache_of
from claimable_benefits.wallet.read_ahead import ReadAhead

if TYPE_CHECKING:
    from claimable_benefits.ledger.session_hooks import AnySession

_log = logging.getLogger("claimable_benefits")
_KEY = "claimable_benefits"
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
    read_ahead: ReadAhead

    def load_shopper(self) -> Shopper | None:
        """Return who is signed in; None for a guest."""
        return registered(self.loaders.shopper, "shopper_loader")()

    def load_cart(self) -> Cart | None:
        """Return the cart of this request; None where there is none."""
        return registered(self.loaders.cart, "cart_loader")()

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

    def redeem(self, order_number: str, use_id: str | None) -> Use | None:
        """Redeem what the cart holds, or ``use_id``, for an order; never another benefit than this request showed."""
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

    def roll_back(self, order_number: str, reason: str) -> bool:
        """Roll back an order that will not be placed. Return True where it has a redemption."""
        return roll_back_order(self.context, order_number, actor="shop", reason=reason)

    def roll_back_failed_block(self, order_number: str) -> None:
        """Roll back unless the order is paid or not known. The shop gets the block's own error, so none of ours."""
        order = order_of(self.context, order_number)
        if order is None or order.state not in (OrderState.OPEN, OrderState.CANCELLED):
            return
        try:
            self.roll_back(order_number, "the payment failed")
        except (BenefitsError, SQLAlchemyError):
            _log.exception("Order %s: the worker rolls its redemption back.", order_number)

    def refund(
        self,
        order_number: str,
        full_refund: bool,
        transaction: Transaction | None,
        session: AnySession | None,
        reason: str,
    ) -> Refund:
        """Refund a placed order, at once or in the database transaction of ``session``."""
        order: dict[str, Any] = {"full_refund": full_refund, "transaction": transaction, "reason": reason}
        if session is None:
            refund = refund_order(self.context, order_number, actor="shop", **order)
            self.wake()
            return refund
        import claimable_benefits.ledger.session_hooks as hooks

        refund = refund_in(self.context, hooks.connection_of(session), order_number, actor="shop", **order)
        hooks.after_commit(session, self.wake)
        return refund

    def is_refundable(self, order_number: str, full_refund: bool) -> bool:
        """Whether a refund would return the order's benefit."""
        return is_refundable(self.context, order_number, full_refund=full_refund)

    def submit(self, transaction: Transaction, session: AnySession) -> None:
        """Queue an order's transaction in the database transaction of ``session``."""
        import claimable_benefits.ledger.session_hooks as hooks

        submit(self.context, transaction, hooks.connection_of(session))
        hooks.after_commit(session, self.wake)

    def record(self, order_number: str) -> OrderRecord | None:
        """Return an order's loyalty record; None where the ledger has nothing of the order."""
        return read_record(self.context, order_number)

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
        settings,
        context,
        _embedded_worker(context, settings),
        CeleryNotifier(),
        collaborators.loaders,
        ReadAhead(context.wallets, context.wallet_source, lambda: are_paused(context)),
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
    ledger, thread_pool = _open_ledger(settings), ThreadPool()
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
        order_loader=_in_app_context(app, collaborators.loaders),
        policies=_read_policies(settings),
        own_discounts=collaborators.loaders.discounts,
        timing=Timing(
            hold=timedelta(minutes=settings.hold_minutes),
            order_grace=timedelta(minutes=settings.order_grace_minutes),
            trust_absence_after=timedelta(seconds=settings.resolve_seconds),
        ),
        wallets=wallet_cache_of(settings, thread_pool),
        reference_prefix=settings.reference_prefix,
        sender=app,
        orders_loader=_orders_in_app_context(app, collaborators.loaders),
        reconcile=settings.reconcile,
    )


def _in_app_context(app: Flask, loaders: Loaders) -> OrderLoader:
    """Call the loader in an app context of its own: it sees what is committed, not the session of the request."""

    def load(number: str) -> Order | None:
        with app.app_context():
            return loaders.order(number) if loaders.order else None

    return load


def _orders_in_app_context(app: Flask, loaders: Loaders) -> Callable[[datetime, datetime], Iterable[Order] | None]:
    """The same for the loader of a period's orders; it returns None where the shop has registered none."""

    def load(since: datetime, until: datetime) -> Iterable[Order] | None:
        with app.app_context():
            return list(loaders.orders(since, until)) if loaders.orders else None

    return load


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
