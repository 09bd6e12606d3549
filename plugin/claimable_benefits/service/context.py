"""What every verb needs: the ledger, the client, the clock, the rules and the loaders of one app."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TypeVar

from blinker import NamedSignal

from claimable_benefits import signals
from claimable_benefits.domain.order_references import order_reference
from claimable_benefits.domain.policy import Policy
from claimable_benefits.domain.resolution import POLL_GAP, SWEEP_GAPS
from claimable_benefits.domain.shop import Order, Shopper, Transaction
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.events import Audit
from claimable_benefits.loaders import OrderLoader, OwnDiscount
from claimable_benefits.omneo import OmneoClient
from claimable_benefits.wallet.source import WalletSource
from claimable_benefits.wallet.wallet_cache import WalletCache

Clock = Callable[[], datetime]
OrdersLoader = Callable[[datetime, datetime], Iterable[Order] | None]
Row = TypeVar("Row")
_log = logging.getLogger("claimable_benefits")


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things last. ``hold``, ``order_grace`` and ``trust_absence_after`` are settings; floats are seconds."""

    hold: timedelta = timedelta(minutes=30)
    order_grace: timedelta = timedelta(minutes=8)
    # Longer than any server or proxy holds a request: what Omneo does not show by then has most likely not happened.
    trust_absence_after: timedelta = timedelta(seconds=90)
    # Longer than the client's whole timeout, so that no other worker takes a row whose call is still under way.
    lease: timedelta = timedelta(seconds=40)
    # Pauses before each lookup after a lost answer, while the shopper waits: the redemption usually shows by then.
    brief_polls: tuple[float, ...] = (0.1, 0.3)
    # For an answer and for one lookup while a shopper waits: with the pauses, three seconds in all.
    answer_seconds: float = 2.2
    lookup_seconds: float = 0.4
    # Each read of what is left before a redemption, and the pauses before it is repeated.
    baseline_seconds: float = 0.7
    baseline_pauses: tuple[float, ...] = (0.1, 0.3)
    # Pauses before each read of the ledger while an earlier request for the same order is under way.
    first_request_polls: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8, 1.5)
    poll_gap: timedelta = POLL_GAP
    # The shop places the order in the same request, a moment later; the worker finds it only after a crash.
    placed_within: timedelta = timedelta(minutes=1)
    # When the worker asks again about what the shop or a competing use has to decide.
    recheck_gap: timedelta = timedelta(seconds=30)
    sweep_gaps: tuple[timedelta, ...] = SWEEP_GAPS
    # When a delivered transaction is read back: a delayed request may have overwritten a newer one.
    verify_after: timedelta = timedelta(minutes=5)


class NaiveTimes:
    """Gives a shop's times without a zone the zone that the settings name, and remembers that there are such times.

    ``is_met``: this process has seen one. ``is_noted``: the ledger says so, for ``flask benefits doctor``.
    """

    def __init__(self, zone: tzinfo = UTC) -> None:
        self.zone = zone
        self.is_met = False
        self.is_noted = False

    def aware(self, transaction: Transaction) -> Transaction:
        """Return the transaction with an aware time; the first time without a zone is logged."""
        if transaction.is_naive and not self.is_met:
            self.is_met = True
            _log.warning(
                "The time of order %s has no zone: such times are read as %s. BENEFITS_NAIVE_TIMEZONE names another.",
                transaction.order_number,
                self.zone,
            )
        return transaction.in_zone(self.zone)


@dataclass(frozen=True, slots=True)
class Context:
    """Ledger, client, clock, rules and loaders of one app. ``sender`` is the app object, the sender of signals.

    ``clock`` gives aware times in UTC. ``stopping`` is true once this process must begin no further row.
    """

    ledger: Ledger
    omneo: OmneoClient
    clock: Clock
    sleep: Callable[[float], None]
    order_loader: OrderLoader
    policies: Mapping[str, Policy] = field(default_factory=dict)
    own_discounts: Mapping[str, OwnDiscount] = field(default_factory=dict)
    timing: Timing = field(default_factory=Timing)
    wallets: WalletCache = field(default_factory=WalletCache)
    reference_prefix: str = "shop"
    reference_key: bytes = b"of no app"  # signs the references of orders; derived from the app's secret key
    sender: object = "app"
    # The paid and cancelled orders of a period; None: reconciliation compares with the outbox instead.
    orders_loader: OrdersLoader = field(default=lambda _since, _until: None)
    reconcile: str = "report"  # or repair, or off
    keep: timedelta | None = None  # how long finished rows are kept; None: for ever
    naive_times: NaiveTimes = field(default_factory=NaiveTimes)
    stopping: Callable[[], bool] = _never
    # What could not be worked on in this turn of the worker: rows and steps that raised.
    failed: deque[str] = field(default_factory=lambda: deque(maxlen=1000), compare=False)

    def until_stopping(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield ``rows`` one by one until this process is stopping; another worker takes the rest."""
        for row in rows:
            if self.stopping():
                return
            yield row

    @property
    def wallet_source(self) -> WalletSource:
        """What wallets are read with."""
        return WalletSource(self.ledger, self.omneo, self.clock)

    def policy(self, handle: str) -> Policy:
        """Return the merchant's policy. Without one the benefit is shown, but cannot be used online."""
        return self.policies.get(handle) or Policy(handle)

    def order_reference(self, order_number: str, attempt: int) -> str:
        """Return the reference under which an order's attempt redeems; this shop can make it again at any time."""
        return order_reference(self.reference_key, self.reference_prefix, order_number, attempt)

    def audit(self, actor: str, reason: str) -> Audit:
        """Say who moves a row, why and when, for the event that is written with it."""
        return Audit(actor, reason, self.clock())

    def send_signal(self, signal: NamedSignal, **facts: object) -> None:
        """Send a signal after the outcome is committed."""
        signals.send(signal, self.sender, **facts)


def shopper_actor(shopper: Shopper) -> str:
    """Name the shopper as the actor of an event."""
    return f"shopper {shopper.customer_id}"
