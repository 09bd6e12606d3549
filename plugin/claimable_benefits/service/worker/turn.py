"""One turn of the worker: the tables are the truth, and every step is safe to repeat."""

from __future__ import annotations

from dataclasses import dataclass

from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.deliver import deliver_due
from claimable_benefits.service.delivery.verify import verify_delivered
from claimable_benefits.service.holds.release import release_overdue
from claimable_benefits.service.orders.unplaced import resolve_unplaced
from claimable_benefits.service.recovery.resolve_claims import resolve_claims
from claimable_benefits.service.recovery.resolve_uses import resolve_uses
from claimable_benefits.service.recovery.sweep import sweep_claims, sweep_uses
from claimable_benefits.service.redemption.rollback import finish_rollbacks
from claimable_benefits.service.worker.periodic import run_periodic


@dataclass(frozen=True, slots=True)
class TurnResult:
    """How many rows one turn moved, by what it did; true where it did anything."""

    delivered: int = 0
    resolved: int = 0
    decided: int = 0
    rolled_back: int = 0
    released: int = 0
    corrected: int = 0

    def __bool__(self) -> bool:
        return any((self.delivered, self.resolved, self.decided, self.rolled_back, self.released, self.corrected))


def run_once(ctx: Context) -> TurnResult:
    """Resolve, sweep, ask the shop about orders, roll back, deliver, release holds. A later turn retries what fails."""
    done = TurnResult(
        resolved=resolve_uses(ctx) + resolve_claims(ctx) + sweep_uses(ctx) + sweep_claims(ctx),
        decided=resolve_unplaced(ctx),
        rolled_back=finish_rollbacks(ctx),
        delivered=deliver_due(ctx),
        released=release_overdue(ctx),
        corrected=verify_delivered(ctx),
    )
    run_periodic(ctx)
    return done
