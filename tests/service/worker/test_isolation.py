"""A row, or a step, that raises what nobody expected stops no other row and no other step."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from claimable_benefits.domain.shop import Order, OrderState
from claimable_benefits.domain.states import ClaimState, DeliveryState, UseState
from claimable_benefits.errors import LedgerUnavailable
from claimable_benefits.ledger import key_values
from claimable_benefits.ledger.claims import Claim, add_claim, find_claim, move_claim
from claimable_benefits.ledger.events import Audit
from claimable_benefits.ledger.outbox import Delivery, find_delivery
from claimable_benefits.ledger.tables import outbox, uses
from claimable_benefits.ledger.uses import Use, find_use, move_use, touch_use
from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.deliver import deliver_due
from claimable_benefits.service.delivery.verify import verify_delivered
from claimable_benefits.service.holds.release import release_overdue
from claimable_benefits.service.isolation import MOST_FAILURES, each_row, set_use_aside
from claimable_benefits.service.orders.unplaced import resolve_unplaced
from claimable_benefits.service.recovery.resolve_claims import resolve_claims
from claimable_benefits.service.recovery.resolve_uses import resolve_uses
from claimable_benefits.service.recovery.sweep import sweep_claims, sweep_uses
from claimable_benefits.service.redemption.rollback import finish_rollbacks
from claimable_benefits.service.worker.turn import run_once
from claimable_benefits.wallet.profile_id import profile_of_customer
from tests.ledger.rows import new_use, queue
from tests.service.conftest import ServiceHarness, sale

BAD = "bad"


class Broken(RuntimeError):
    """What nobody expects."""


@dataclass
class BrokenOmneo:
    """A client that raises for every call that is about what is called bad."""

    inner: Any
    error: Exception

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self.inner, name)
        if not callable(attribute):
            return attribute

        def call(*args: Any, **keywords: Any) -> Any:
            if any(str(value).startswith(BAD) for value in (*args, *keywords.values())):
                raise self.error
            return attribute(*args, **keywords)

        return call


@dataclass
class Pair:
    """Two rows of one kind: work on the first one raises."""

    ctx: Context
    bad: str
    good: str

    def use(self, use_id: str) -> Use:
        with self.ctx.ledger.read() as connection:
            found = find_use(connection, use_id)
        assert found is not None
        return found

    def claim(self, claim_id: str) -> Claim:
        with self.ctx.ledger.read() as connection:
            found = find_claim(connection, claim_id)
        assert found is not None
        return found

    def delivery(self, number: str) -> Delivery:
        with self.ctx.ledger.read() as connection:
            found = find_delivery(connection, number)
        assert found is not None
        return found


def broken(harness: ServiceHarness, error: Exception | None = None) -> Context:
    """The harness's context with a broken Omneo, and an order that is paid."""
    sold = Order(BAD, OrderState.PAID, sale(BAD, "1001", harness.clock.now))

    def load(number: str) -> Order | None:
        return sold if number == BAD else Order(number, OrderState.CANCELLED)

    omneo: Any = BrokenOmneo(harness.ctx.omneo, error or Broken("no one expects it"))
    return replace(harness.ctx, omneo=omneo, order_loader=load)


def audit(harness: ServiceHarness, **span: float) -> Audit:
    return Audit("a test", "for a test", harness.clock.now - timedelta(**span))


def two_uses(harness: ServiceHarness, state: UseState, **facts: Any) -> Pair:
    """Two uses in ``state``, whose time to be looked at has come; Mia's profile, but other benefits."""
    profile_id = profile_of_customer(harness.ctx.wallet_source, "1001")
    assert profile_id is not None
    now, ids = harness.clock.now, []
    path = {
        UseState.IN_DOUBT: [UseState.REDEEMING],
        UseState.REDEEMED: [UseState.REDEEMING],
        UseState.ROLLING_BACK: [UseState.REDEEMING, UseState.REDEEMED],
    }
    for name in (BAD, "good"):
        with harness.ctx.ledger.write() as connection:
            use = new_use(
                connection,
                audit(harness, minutes=20),
                profile_id=profile_id,
                benefit_id=f"{name}-benefit",
                reference=f"{name}-reference",
                order_number=name,
                held_until=now - timedelta(minutes=10),
                sent_at=now - timedelta(minutes=20),
            )
            for to in path.get(state, []):
                use = move_use(connection, use, to, audit(harness, minutes=20))
            if state is not UseState.HELD:
                use = move_use(connection, use, state, audit(harness, minutes=20))
            ours = {"redemption_id": f"{name}-redemption"} if state is not UseState.HELD else {}
            touch_use(connection, use, now - timedelta(minutes=20), **(ours | facts))
            ids.append(use.use_id)
    if state is UseState.REDEEMED:  # a state that this release does not know, as after a restored backup
        with harness.ctx.ledger.write() as connection:
            queue(connection, BAD)
            connection.execute(update(outbox).where(outbox.c.order_number == BAD).values(state="unheard of"))
    return Pair(broken(harness), *ids)


USES: list[tuple[Callable[[Context], int], UseState]] = [
    (resolve_uses, UseState.IN_DOUBT),
    (resolve_unplaced, UseState.REDEEMED),
    (finish_rollbacks, UseState.ROLLING_BACK),
]


@pytest.mark.parametrize(("step", "state"), USES)
def test_a_use_that_raises_stops_no_other(
    harness: ServiceHarness, step: Callable[[Context], int], state: UseState
) -> None:
    pair = two_uses(harness, state)
    before = pair.use(pair.good)
    step(pair.ctx)
    bad, good = pair.use(pair.bad), pair.use(pair.good)

    assert (bad.state, bad.failures, bad.lease_until) == (state, 1, None)
    assert bad.attempts <= 1  # how often it was looked up, which failures must not count
    assert bad.due_at is not None
    assert bad.due_at > harness.clock.now
    assert bad.note is not None
    assert bad.note.startswith("unexpected: ")
    assert (good.failures, good.version > before.version) == (0, True)


@pytest.mark.parametrize(("step", "state"), USES)
def test_a_use_that_raises_again_and_again_waits_for_a_person(
    harness: ServiceHarness,
    step: Callable[[Context], int],
    state: UseState,
    caplog: pytest.LogCaptureFixture,
) -> None:
    pair = two_uses(harness, state)
    for _ in range(MOST_FAILURES):
        harness.clock.forward(hours=1)
        step(pair.ctx)
    bad = pair.use(pair.bad)

    assert (bad.state, bad.failures) == (UseState.MANUAL_REVIEW, 0)
    assert len([record for record in caplog.records if record.exc_info]) == 1
    step(pair.ctx)
    assert pair.use(pair.bad) == bad


@pytest.mark.parametrize("state", [UseState.RELEASED])
def test_a_sweep_that_raises_stops_no_other(harness: ServiceHarness, state: UseState) -> None:
    pair = two_uses(harness, state, sweep_at=harness.clock.now, redemption_id=None)
    sweep_uses(pair.ctx)
    bad, good = pair.use(pair.bad), pair.use(pair.good)

    assert (bad.failures, good.failures, good.sweeps) == (1, 0, 1)
    assert bad.sweep_at is not None
    assert bad.sweep_at > harness.clock.now

    for _ in range(MOST_FAILURES):
        harness.clock.forward(hours=1)
        sweep_uses(pair.ctx)

    assert pair.use(pair.bad).state is UseState.MANUAL_REVIEW


def two_claims(harness: ServiceHarness, state: ClaimState, **facts: Any) -> Pair:
    profile_id = profile_of_customer(harness.ctx.wallet_source, "1001")
    for name, profile in ((BAD, f"{BAD}-profile"), ("good", profile_id)):
        with harness.ctx.ledger.write() as connection:
            claim = add_claim(
                connection,
                audit(harness, minutes=20),
                claim_id=name,
                reference=f"{name}-reference",
                customer_id="1001",
                profile_id=profile,
                definition_id="1",
                definition_handle=f"{name}-handle",
                name=name,
                sent_at=harness.clock.now - timedelta(minutes=20),
            )
            move_claim(connection, claim, state, audit(harness, minutes=20), **facts)
    return Pair(broken(harness), BAD, "good")


def test_a_claim_that_raises_stops_no_other(harness: ServiceHarness) -> None:
    pair = two_claims(harness, ClaimState.IN_DOUBT)
    for _ in range(MOST_FAILURES + 1):
        harness.clock.forward(hours=1)
        resolve_claims(pair.ctx)
    bad = pair.claim(BAD)

    assert (bad.state, bad.failures) == (ClaimState.IN_DOUBT, MOST_FAILURES + 1)  # it may not be claimed again
    assert bad.due_at is not None
    assert bad.due_at >= harness.clock.now + timedelta(minutes=15)
    assert pair.claim("good").state is ClaimState.ABANDONED


def test_a_sweep_of_claims_that_raises_stops_no_other(harness: ServiceHarness) -> None:
    pair = two_claims(harness, ClaimState.ABANDONED, sweep_at=harness.clock.now)
    sweep_claims(pair.ctx)
    assert (pair.claim(BAD).failures, pair.claim("good").sweeps) == (1, 1)

    for _ in range(MOST_FAILURES):
        harness.clock.forward(hours=1)
        sweep_claims(pair.ctx)

    assert pair.claim(BAD).sweep_at is None


def test_a_delivery_that_raises_stops_no_other_and_is_stopped_itself(
    harness: ServiceHarness, caplog: pytest.LogCaptureFixture
) -> None:
    pair = two_deliveries(harness)
    done = run_once(pair.ctx)
    bad = pair.delivery(BAD)

    assert (done.delivered, done.failed) == (1, 1)
    assert pair.delivery("good").state is DeliveryState.DELIVERED
    assert (bad.state, bad.attempts, bad.failures, bad.lease_until) == (DeliveryState.DUE, 1, 1, None)
    assert bad.due_at > harness.clock.now
    assert bad.note is not None
    assert bad.note.startswith("unexpected: JSONDecodeError")

    for _ in range(MOST_FAILURES):
        harness.clock.forward(hours=1)
        run_once(pair.ctx)

    assert pair.delivery(BAD).state is DeliveryState.STOPPED
    assert f"The delivery of order {BAD} is stopped" in caplog.text


def two_deliveries(harness: ServiceHarness) -> Pair:
    for name in (BAD, "good"):
        harness.submit(name)
    with harness.ctx.ledger.write() as connection:
        connection.execute(update(outbox).where(outbox.c.order_number == BAD).values(content="{"))
    return Pair(replace(harness.ctx, reconcile="off"), BAD, "good")


def test_a_delivery_that_cannot_be_read_back_stops_no_other(harness: ServiceHarness) -> None:
    for name in (BAD, "good"):
        harness.submit(name)
    deliver_due(harness.ctx)
    pair = Pair(broken(harness), BAD, "good")
    harness.clock.forward(minutes=6)
    verify_delivered(pair.ctx)

    assert pair.delivery("good").verify_at is None
    assert pair.delivery(BAD).failures == 1

    for _ in range(MOST_FAILURES):
        harness.clock.forward(hours=1)
        verify_delivered(pair.ctx)

    assert (pair.delivery(BAD).verify_at, pair.delivery(BAD).state) == (None, DeliveryState.DELIVERED)


def test_a_hold_that_cannot_be_released_stops_no_other(harness: ServiceHarness) -> None:
    pair = two_uses(harness, UseState.HELD)

    def release(ctx: Context, use: Use) -> bool:
        if use.use_id == pair.bad:
            raise Broken
        with ctx.ledger.write() as connection:
            move_use(connection, use, UseState.RELEASED, ctx.audit("worker", "expired"))
        return True

    rows = [pair.use(pair.bad), pair.use(pair.good)]
    assert each_row(pair.ctx, rows, release, set_use_aside) == 1
    assert release_overdue(pair.ctx) == 0  # it is set aside
    harness.clock.forward(hours=2)
    assert release_overdue(pair.ctx) == 1


def test_a_step_that_raises_stops_no_other(harness: ServiceHarness, caplog: pytest.LogCaptureFixture) -> None:
    pair = two_uses(harness, UseState.HELD)
    harness.submit("good")
    with harness.ctx.ledger.write() as connection:
        key_values.set_value(connection, "deliveries paused until", "never", harness.clock.now)
    turns = [run_once(pair.ctx) for _ in range(3)]

    assert [(done.released, done.delivered, done.failed) for done in turns] == [(2, 0, 1), (0, 0, 1), (0, 0, 1)]
    assert [bool(done) for done in turns] == [True, False, False]
    assert len([record for record in caplog.records if record.exc_info]) == 1


def test_a_database_that_is_down_ends_the_turn(harness: ServiceHarness) -> None:
    two_uses(harness, UseState.IN_DOUBT)

    with pytest.raises(LedgerUnavailable):
        run_once(broken(harness, LedgerUnavailable("down")))

    with harness.ctx.ledger.read() as connection:
        assert {row.failures for row in connection.execute(uses.select())} == {0}


def test_a_row_that_cannot_even_be_set_aside_stops_no_other(
    harness: ServiceHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    seen: list[str] = []

    def work(_: Context, row: str) -> bool:
        seen.append(row)
        raise Broken

    def set_aside(_ctx: Context, _row: str, _note: str) -> None:
        raise Broken

    assert each_row(harness.ctx, ["a", "b"], work, set_aside) == 0
    assert seen == ["a", "b"]
    assert len(harness.ctx.failed) == 4
