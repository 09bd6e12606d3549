"""One turn of the worker: the tables are the truth, and every step is safe to repeat."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.deliver import deliver_due
from claimable_benefits.service.delivery.verify import verify_delivered
from claimable_benefits.service.holds.release import release_overdue
from claimable_benefits.service.isolation import one_step
from claimable_benefits.service.orders.unplaced import resolve_unplaced
from claimable_benefits.service.recovery.resolve_claims import resolve_claims
from claimable_benefits.service.recovery.resolve_uses import resolve_uses
from claimable_benefits.service.recovery.sweep import sweep_claims, sweep_uses
from claimable_benefits.service.redemption.rollback import finish_rollbacks
from claimable_benefits.service.worker.periodic import run_periodic


@dataclass(frozen=True, slots=True)
class TurnResult:
    """How many rows one turn moved, by what it did; true where it did anything.

    ``failed`` counts the rows and the steps that raised what nobody expected: the log has them, and they are retried.
    """

    delivered: int = 0
    resolved: int = 0
    decided: int = 0
    rolled_back: int = 0
    released: int = 0
    corrected: int = 0
    failed: int = 0

    def __bool__(self) -> bool:
        return any((self.delivered, self.resolved, self.decided, self.rolled_back, self.released, self.corrected))


def run_once(ctx: Context) -> TurnResult:
    """Resolve, sweep, ask the shop about orders, roll back, deliver, release holds. A later turn retries what fails.

    A row that raises stops no other, and a step that raises stops no other. Raises `LedgerUnavailable`.
    """
    ctx = replace(ctx, failed=deque(maxlen=ctx.failed.maxlen))

    def step(work: Callable[[Context], int]) -> int:
        return one_step(ctx, work)

    done = TurnResult(
        resolved=sum(map(step, (resolve_uses, resolve_claims, sweep_uses, sweep_claims))),
        decided=step(resolve_unplaced),
        rolled_back=step(finish_rollbacks),
        delivered=step(deliver_due),
        released=step(release_overdue),
        corrected=step(verify_delivered),
    )
    step(run_periodic)
    return replace(done, failed=len(ctx.failed))
