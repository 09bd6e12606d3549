"""What every verb needs, handed in rather than reached for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from blinker import NamedSignal

from claimable_benefits import signals
from claimable_benefits.domain.policy import Policy
from claimable_benefits.domain.resolution import POLL_GAP, SWEEP_GAPS
from claimable_benefits.domain.shop import Order, Shopper
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.events import Audit
from claimable_benefits.loaders import OrderLoader, OwnDiscount
from claimable_benefits.omneo import OmneoClient
from claimable_benefits.wallet.wallet_cache import WalletCache

Clock = Callable[[], datetime]
OrdersLoader = Callable[[datetime, datetime], Iterable[Order] | None]
Row = TypeVar("Row")


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things last. See the settings of the same names."""

    hold: timedelta = timedelta(minutes=30)
    order_grace: timedelta = timedelta(minutes=8)
    # Longer than any server or proxy holds a request: after that, what is not there will hardly come (reliability).
    trust_absence_after: timedelta = timedelta(seconds=90)
    # Longer than the client's whole timeout, so that a live holder of a row is never robbed.
    lease: timedelta = timedelta(seconds=40)
    # A lost answer is usually there at the next look: the shopper is still waiting.
    brief_polls: tuple[float, ...] = (0.1, 0.3)
    # Seconds for an answer and for a look while a shopper waits: with the pauses, three in all.
    answer_seconds: float = 2.2
    lookup_seconds: float = 0.4
    # The first click of a double click is usually done by then.
    first_request_polls: tuple[float, ...] = (0.1, 0.2, 0.4, 0.8, 1.5)
    poll_gap: timedelta = POLL_GAP
    # The order is placed in the same request, a moment later; only a crash leaves it for the worker to find.
    placed_within: timedelta = timedelta(minutes=1)
    # What only somebody else knows, such as the shop about an order, is asked for again after this long.
    recheck_gap: timedelta = timedelta(seconds=30)
    sweep_gaps: tuple[timedelta, ...] = SWEEP_GAPS
    # What was delivered is read back once: a request that was long under way may have landed after a newer one.
    verify_after: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Context:
    """Ledger, client, clock, rules and loaders of one app. ``sender`` is the app, for signals.

    ``stopping`` says whether this process is to begin nothing more.
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
    sender: object = "app"
    # The paid and cancelled orders of a period; None: the outbox stands in for the shop's orders.
    orders_loader: OrdersLoader = field(default=lambda _since, _until: None)
    reconcile: str = "report"  # or repair, or off
    stopping: Callable[[], bool] = _never

    def until_stopping(self, rows: Iterable[Row]) -> Iterator[Row]:
        """``rows`` one by one, until this process is told to stop: what is left is the next worker's."""
        for row in rows:
            if self.stopping():
                return
            yield row

    def policy(self, handle: str) -> Policy:
        """The merchant's policy; without one a benefit is shown and used nowhere online, as its worth is not known."""
        return self.policies.get(handle) or Policy(handle)

    def audit(self, actor: str, reason: str) -> Audit:
        return Audit(actor, reason, self.clock())

    def send_signal(self, signal: NamedSignal, **facts: object) -> None:
        signals.send(signal, self.sender, **facts)


def shopper_actor(shopper: Shopper) -> str:
    """The shopper as the actor of an event."""
    return f"shopper {shopper.customer_id}"
