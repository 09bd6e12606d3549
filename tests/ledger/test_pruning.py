"""What is finished and old is deleted, once; whatever waits stays, however old it is."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from claimable_benefits.domain.states import ClaimState, DeliveryState, UseState
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.claims import find_claim
from claimable_benefits.ledger.events import events_of
from claimable_benefits.ledger.outbox import find_delivery
from claimable_benefits.ledger.retention.pruning import (
    ENDED_CLAIMS,
    ENDED_USES,
    Pruned,
    prune_ended,
    prune_unsent_holds,
)
from claimable_benefits.ledger.retention.tombstones import digest_of, pruned_ids, pruned_references, tombstones_of
from claimable_benefits.ledger.tables import claims, outbox, tombstones, uses
from claimable_benefits.ledger.uses import find_use
from tests.ledger.rows import NOW, at_once, new_claim, new_use, queue

LONG_AGO, BEFORE = NOW - timedelta(days=100), NOW - timedelta(days=90)


def use_in(ledger: Ledger, state: UseState, **values: Any) -> str:
    """A use that came into ``state`` a hundred days ago."""
    usual: dict[str, Any] = {"sent_at": LONG_AGO, "redemption_id": "159", "updated_at": LONG_AGO, "state": state}
    with ledger.write() as connection:
        use = new_use(connection, benefit_id=str(uuid4()))
        connection.execute(update(uses).where(uses.c.use_id == use.use_id).values(**(usual | values)))
    return use.use_id


def delivery_in(ledger: Ledger, state: DeliveryState, number: str = "A1", **values: Any) -> None:
    links = {key: values.pop(key) for key in ("use_id", "redemption_id") if key in values}
    with ledger.write() as connection:
        queue(connection, number, **links)
        usual = {"state": state, "updated_at": LONG_AGO}
        connection.execute(update(outbox).where(outbox.c.order_number == number).values(**(usual | values)))


def prune(ledger: Ledger, before: datetime = BEFORE, limit: int = 100) -> Pruned:
    with ledger.write() as connection:
        return prune_ended(connection, before, NOW, limit=limit)


def is_there(ledger: Ledger, use_id: str) -> bool:
    with ledger.read() as connection:
        return find_use(connection, use_id) is not None


@pytest.mark.parametrize("state", UseState)
def test_a_use_goes_only_when_it_has_ended(ledger: Ledger, state: UseState) -> None:
    use_id = use_in(ledger, state)

    prune(ledger)

    assert is_there(ledger, use_id) == (state not in ENDED_USES)


@pytest.mark.parametrize(
    "waits",
    [
        {"sweep_at": NOW - timedelta(days=1)},
        {"sweep_at": NOW + timedelta(days=1)},
        {"lease_until": NOW + timedelta(seconds=40)},
        {"updated_at": BEFORE},
        {"updated_at": NOW},
    ],
)
def test_an_ended_use_that_waits_or_changed_since_stays(ledger: Ledger, waits: dict[str, Any]) -> None:
    use_id = use_in(ledger, UseState.CONSUMED, **waits)

    assert not prune(ledger)
    assert is_there(ledger, use_id)


@pytest.mark.parametrize("state", DeliveryState)
@pytest.mark.parametrize("link", ["use", "number"])
def test_an_order_goes_as_a_whole_when_it_is_delivered(ledger: Ledger, state: DeliveryState, link: str) -> None:
    use_id = use_in(ledger, UseState.CONSUMED, order_number="A1" if link == "number" else None)
    delivery_in(ledger, state, **({"use_id": use_id} if link == "use" else {}))

    prune(ledger)

    with ledger.read() as connection:
        left = find_use(connection, use_id) is not None, find_delivery(connection, "A1") is not None
        history = events_of(connection, use_id), events_of(connection, "order A1")
    stays = state is not DeliveryState.DELIVERED
    assert left == (stays, stays)
    assert (bool(history[0]), bool(history[1])) == (stays, stays)


@pytest.mark.parametrize(
    "waits",
    [{"verify_at": NOW}, {"lease_until": NOW + timedelta(seconds=40)}, {"updated_at": NOW}],
)
def test_a_delivery_that_waits_or_changed_since_keeps_its_use(ledger: Ledger, waits: dict[str, Any]) -> None:
    use_id = use_in(ledger, UseState.CONSUMED)
    delivery_in(ledger, DeliveryState.DELIVERED, use_id=use_id, **waits)

    assert not prune(ledger)
    assert is_there(ledger, use_id)


@pytest.mark.parametrize("state", [state for state in UseState if state not in ENDED_USES])
def test_a_delivered_order_stays_while_one_of_its_uses_waits(ledger: Ledger, state: UseState) -> None:
    use_in(ledger, state, order_number="A1")
    delivery_in(ledger, DeliveryState.DELIVERED)

    assert not prune(ledger)
    with ledger.read() as connection:
        assert find_delivery(connection, "A1") is not None


@pytest.mark.parametrize("state", ClaimState)
@pytest.mark.parametrize("waits", [{}, {"sweep_at": NOW}])
def test_a_claim_goes_only_when_it_has_ended(ledger: Ledger, state: ClaimState, waits: dict[str, Any]) -> None:
    with ledger.write() as connection:
        claim_id = new_claim(connection, lease_until=None).claim_id
        values = {"state": state, "updated_at": LONG_AGO} | waits
        connection.execute(update(claims).where(claims.c.claim_id == claim_id).values(**values))

    prune(ledger)

    with ledger.read() as connection:
        assert (find_claim(connection, claim_id) is None) == (state in ENDED_CLAIMS and not waits)


def test_a_tombstone_knows_the_redemption_and_the_reference_and_no_person(ledger: Ledger) -> None:
    use_id = use_in(ledger, UseState.ROLLED_BACK, rollback_id="160")

    pruned = prune(ledger)

    with ledger.read() as connection:
        (row,) = connection.execute(select(tombstones)).mappings().all()
        by_id = pruned_ids(connection, ["159", "160", "161"])
        by_reference = pruned_references(connection, [f"shop-{use_id}", "shop-another"])
        (left,) = tombstones_of(connection, ["160"])
    assert pruned == Pruned(uses=1)
    assert (by_id, by_reference) == ({"159", "160"}, {f"shop-{use_id}"})
    assert (left.redemption_id, left.rollback_id, left.state) == ("159", "160", UseState.ROLLED_BACK)
    assert {key: row[key] for key in row if key not in ("shop_id", "pruned_at")} == {
        "reference_digest": digest_of(f"shop-{use_id}"),
        "redemption_id": "159",
        "rollback_id": "160",
        "state": "rolled_back",
    }
    assert len(row) == 6  # nothing of the shopper is among them


def test_a_dropped_hold_that_was_never_sent_goes_without_a_tombstone(ledger: Ledger) -> None:
    dropped = use_in(ledger, UseState.RELEASED, sent_at=None, redemption_id=None)
    kept = [
        use_in(ledger, UseState.RELEASED, redemption_id=None),
        use_in(ledger, UseState.HELD, sent_at=None, redemption_id=None, held_until=LONG_AGO),
        use_in(ledger, UseState.RELEASED, sent_at=None, redemption_id=None, updated_at=NOW),
        use_in(ledger, UseState.RELEASED, sent_at=None, redemption_id=None, sweep_at=NOW),
    ]

    with ledger.write() as connection:
        pruned = prune_unsent_holds(connection, NOW - timedelta(days=1), NOW, limit=100)

    with ledger.read() as connection:
        assert connection.execute(select(tombstones)).all() == []
        assert events_of(connection, dropped) == []
    assert (pruned, is_there(ledger, dropped)) == (Pruned(uses=1), False)
    assert all(is_there(ledger, use_id) for use_id in kept)


def test_two_prunes_at_once_delete_each_row_once(ledger: Ledger) -> None:
    for number in range(40):
        use_in(ledger, UseState.CONSUMED, redemption_id=str(number))

    counts = at_once(4, lambda _place: sum(prune(ledger, limit=7).uses for _ in range(10)))

    with ledger.read() as connection:
        left = connection.execute(select(uses.c.use_id)).all()
        buried = connection.execute(select(tombstones.c.redemption_id)).all()
    assert (sum(counts), left, len(buried)) == (40, [], 40)


def test_a_use_that_is_refunded_while_it_is_pruned_stays(ledger: Ledger) -> None:
    """PostgreSQL's DELETE waits for the refund and looks again; SQLite has one writer at a time."""
    use_id = use_in(ledger, UseState.CONSUMED)
    begun, pruned = threading.Event(), []

    def prune_meanwhile() -> None:
        begun.set()
        pruned.append(prune(ledger))

    pruner = threading.Thread(target=prune_meanwhile)
    with ledger.write() as connection:
        refunded = {"state": UseState.ROLLING_BACK, "updated_at": NOW}
        connection.execute(update(uses).where(uses.c.use_id == use_id).values(**refunded))
        pruner.start()
        assert begun.wait(30)
        pruner.join(0.3)  # it waits for this transaction, or begins after it
    pruner.join(30)

    assert (pruned, is_there(ledger, use_id)) == ([Pruned()], True)
