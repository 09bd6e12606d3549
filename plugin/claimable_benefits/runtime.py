"""The runtime of one app, made from its settings: ledger, client, wallets, the services' context, worker."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from importlib.util import find_spec

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from claimable_benefits.cache.circuit_breaker import CircuitBreaker
from claimable_benefits.cache.thread_pool import ThreadPool
from claimable_benefits.domain.policy import Policy, PolicyError, read_policies
from claimable_benefits.domain.shop import Cart, Order, Shopper
from claimable_benefits.errors import LedgerUnavailable, SettingsError
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.db_errors import words
from claimable_benefits.ledger.tenant_facts import TenantFacts
from claimable_benefits.loaders import Loaders, OrderLoader, registered
from claimable_benefits.omneo import OmneoClient, Transport
from claimable_benefits.service.context import Clock, Context, Timing
from claimable_benefits.service.worker.loop import WorkerThread
from claimable_benefits.service.worker.notifier import CeleryNotifier
from claimable_benefits.service.worker.turn import TurnResult, run_once
from claimable_benefits.settings import Settings, read_settings
from claimable_benefits.wallet.factory import wallet_cache_of


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

    def load_shopper(self) -> Shopper | None:
        """Return who is signed in; None for a guest."""
        return registered(self.loaders.shopper, "shopper_loader")()

    def load_cart(self) -> Cart | None:
        """Return the cart of this request; None where there is none."""
        return registered(self.loaders.cart, "cart_loader")()

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
    return Runtime(settings, context, _embedded_worker(context, settings), CeleryNotifier(), collaborators.loaders)


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
