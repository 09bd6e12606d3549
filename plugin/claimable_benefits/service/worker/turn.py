"""One turn of the worker: the tables are the truth, and every step is safe to repeat."""

from __future__ import annotations

from dataclasses import dataclass

from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.deliver import deliver_due
from claimable_benefits.service.delivery.verify import verify_delivered
from claimable_benefits.service.holds.release import release_overdue
from claimable_benefits.service.orders.unplaced import settle_unplaced
from claimable_benefits.service.recovery.resolve_claims import settle_claims
from claimable_benefits.service.recovery.resolve_uses import settle_uses
from claimable_benefits.service.recovery.sweep import sweep_claims, sweep_uses
from claimable_benefits.service.redemption.rollback import finish_undos
from claimable_benefits.service.worker.periodic import upkeep


@dataclass(frozen=True, slots=True)
class WorkDone:
    """What one turn did."""

    delivered: int = 0
    settled: int = 0
    decided: int = 0
    undone: int = 0
    released: int = 0
    corrected: int = 0

    def __bool__(self) -> bool:
        return any((self.delivered, self.settled, self.decided, self.undone, self.released, self.corrected))


def run_once(ctx: Context) -> WorkDone:
    """Settle, sweep, ask about orders, undo, deliver, release. What cannot be done now is done in a later turn."""
    done = WorkDone(
        settled=settle_uses(ctx) + settle_claims(ctx) + sweep_uses(ctx) + sweep_claims(ctx),
        decided=settle_unplaced(ctx),
        undone=finish_undos(ctx),
        delivered=deliver_due(ctx),
        released=release_overdue(ctx),
        corrected=verify_delivered(ctx),
    )
    upkeep(ctx)
    return done
