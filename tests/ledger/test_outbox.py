"""The outbox: nothing is rounded, a row is leased once, and the newest content wins."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claimable_benefits.domain.shop import Item, Transaction
from claimable_benefits.domain.states import DeliveryState
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.events import Audit, Event, events_of
from claimable_benefits.ledger.outbox import (
    Delivery,
    find_delivery,
    finish_delivery,
    lease_due,
    put_delivery,
    read_transaction,
    resume_delivery,
    write_transaction,
)
from tests.ledger.rows import NOW, WHY, later, new_use, queue, sale

S = DeliveryState
LEASE = 120


def stored(ledger: Ledger, number: str = "A1") -> Delivery:
    with ledger.read() as connection:
        found = find_delivery(connection, number)
    assert found is not None
    return found


def put(ledger: Ledger, number: str = "A1", total: str = "89.99", audit: Audit = WHY) -> None:
    with ledger.write() as connection:
        queue(connection, number, total, audit)


def lease(ledger: Ledger, at: datetime = NOW, limit: int = 10) -> list[Delivery]:
    with ledger.write() as connection:
        return lease_due(connection, at, seconds=LEASE, limit=limit)


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_is_leased_than_was_asked_for_whatever_the_database_plans(ledger: Ledger, limit: int) -> None:
    for number in range(8):
        put(ledger, f"A{number}")
    with ledger.write() as connection:
        if connection.dialect.name == "postgresql":  # what is left runs a subquery again for each row of the table
            for way in ("hashjoin", "mergejoin", "hashagg", "material", "sort", "indexscan", "bitmapscan", "memoize"):
                connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
        leased = lease_due(connection, NOW, seconds=LEASE, limit=limit)
    states = [stored(ledger, f"A{number}").state for number in range(8)]

    assert len(leased) == limit
    assert states.count(S.DELIVERING) == limit


def finish(ledger: Ledger, delivery: Delivery, to: DeliveryState, audit: Audit = WHY, **changes: object) -> bool:
    with ledger.write() as connection:
        return finish_delivery(connection, delivery, to, audit, **changes)


def moves(ledger: Ledger, number: str = "A1") -> list[tuple[str | None, str, int]]:
    with ledger.read() as connection:
        return [(e.from_state, e.to_state, e.version) for e in events_of(connection, f"order {number}")]


# Snapshots.

texts = st.text(st.characters(codec="utf-8"), max_size=40)
# What is an id: letters, digits and the like, and no blank at an end.
numbers = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1, max_size=40)
amounts = st.decimals(-(10**12), 10**12, allow_nan=False, allow_infinity=False, places=4) | st.sampled_from(
    [Decimal(0), Decimal("-0.00"), Decimal("89.90"), Decimal("1E+3"), Decimal("0.1") + Decimal("0.2")]
)
zones = st.sampled_from([UTC, ZoneInfo("Australia/Lord_Howe"), timezone(timedelta(hours=-9, minutes=-30))])
times = st.datetimes(datetime(1970, 1, 2), datetime(2199, 1, 1), timezones=zones)  # noqa: DTZ001 - the zones follow
items = st.builds(Item, texts, st.integers(-5, 500), amounts, amounts, st.none() | texts, amounts, st.none() | texts)
transactions = st.builds(
    Transaction,
    numbers,
    st.none() | numbers,
    amounts,
    amounts,
    times,
    st.sampled_from(["AUD", "JPY", "KWD"]),
    st.lists(items, max_size=5).map(tuple),
)


def digits(transaction: Transaction) -> list[str]:
    ours = [transaction.total, transaction.total_original]
    return [str(a) for a in [*ours, *(a for i in transaction.items for a in (i.price, i.price_paid, i.discount))]]


@settings(deadline=None, max_examples=80)
@given(transactions)
def test_a_snapshot_is_read_as_it_was_written(transaction: Transaction) -> None:
    read = read_transaction(write_transaction(transaction))

    assert replace(transaction, transacted_at=transaction.transacted_at.astimezone(UTC)) == replace(
        read, transacted_at=read.transacted_at.astimezone(UTC)
    )
    assert digits(transaction) == digits(read)
    assert transaction.transacted_at.utcoffset() == read.transacted_at.utcoffset()


def test_amounts_are_written_as_text_so_that_no_reader_rounds_them() -> None:
    document = json.loads(write_transaction(sale("A1", "89.90")))

    assert (document["total"], document["items"][0]["price"]) == ("89.90", "99.99")


def test_equal_transactions_are_written_alike() -> None:
    assert write_transaction(sale("A1")) == write_transaction(replace(sale("A1")))


def test_a_snapshot_survives_the_database(ledger: Ledger) -> None:
    put(ledger, "Größe 42, 靴 🥿")

    assert sale("Größe 42, 靴 🥿") == stored(ledger, "Größe 42, 靴 🥿").transaction


# Putting.


def test_a_new_order_is_due_at_once(ledger: Ledger) -> None:
    put(ledger)

    delivery = stored(ledger)
    assert (
        delivery.state,
        delivery.revision,
        delivery.attempts,
        delivery.due_at,
        delivery.lease_until,
    ) == (S.DUE, 1, 0, NOW, None)
    assert moves(ledger) == [(None, S.DUE, 1)]


def test_the_same_order_twice_is_one_row_and_one_event(ledger: Ledger) -> None:
    put(ledger)
    put(ledger, audit=later(minutes=1))

    assert (stored(ledger).revision, stored(ledger).updated_at) == (1, NOW)
    assert len(moves(ledger)) == 1


def test_an_order_delivered_and_submitted_again_is_not_sent_again(ledger: Ledger) -> None:
    put(ledger)
    finish(ledger, lease(ledger)[0], S.DELIVERED)

    put(ledger)

    assert (stored(ledger).state, lease(ledger)) == (S.DELIVERED, [])


def test_changed_content_is_a_new_revision(ledger: Ledger) -> None:
    put(ledger)
    finish(ledger, lease(ledger)[0], S.DELIVERED, transaction_id="44")
    put(ledger, total="79.99", audit=later(minutes=1))

    delivery = stored(ledger)
    assert (S.DUE, 2, "44", Decimal("79.99")) == (
        delivery.state,
        delivery.revision,
        delivery.transaction_id,
        delivery.transaction.total,
    )
    assert moves(ledger)[-1] == (S.DELIVERED, S.DUE, 2)


def test_a_redemption_found_later_is_a_new_revision(ledger: Ledger) -> None:
    put(ledger)
    with ledger.write() as connection:
        use = new_use(connection)
        put_delivery(connection, sale("A1"), WHY, use_id=use.use_id, redemption_id="159")

    assert (stored(ledger).revision, stored(ledger).redemption_id) == (2, "159")


def test_an_order_rolled_back_by_the_shop_was_never_queued(ledger: Ledger) -> None:
    with ledger.engine.connect() as shop:
        queue(ledger.join(shop), "A1")
        shop.rollback()

    with ledger.read() as connection:
        assert find_delivery(connection, "A1") is None
        assert events_of(connection, "order A1") == []


# Leases.


def test_two_leasers_never_get_the_same_row(ledger: Ledger) -> None:
    for number in range(5):
        put(ledger, f"A{number}")

    first, second, third = lease(ledger, limit=3), lease(ledger, limit=3), lease(ledger, limit=3)

    assert (len(first), len(second), len(third)) == (3, 2, 0)
    assert {f"A{n}" for n in range(5)} == {delivery.order_number for delivery in first + second}


def test_what_is_due_first_is_leased_first(ledger: Ledger) -> None:
    for number, minutes in (("late", 3), ("early", 1), ("middle", 2)):
        put(ledger, number, audit=later(minutes=minutes))

    leased = lease(ledger, NOW + timedelta(minutes=2))

    assert [delivery.order_number for delivery in leased] == ["early", "middle"]


def test_the_row_of_a_dead_holder_comes_back_when_its_lease_ends(ledger: Ledger) -> None:
    put(ledger)
    lease(ledger)

    early = lease(ledger, NOW + timedelta(seconds=LEASE - 1))
    late = lease(ledger, NOW + timedelta(seconds=LEASE))

    assert (early, [delivery.order_number for delivery in late]) == ([], ["A1"])


def test_what_is_leased_is_what_the_row_says(ledger: Ledger) -> None:
    put(ledger)

    leased = lease(ledger)

    assert [stored(ledger)] == leased


@pytest.mark.parametrize("outcome", [S.DUE, S.DELIVERED, S.STOPPED])
def test_a_holder_who_was_robbed_leaves_the_new_holders_row_alone(ledger: Ledger, outcome: DeliveryState) -> None:
    put(ledger)
    slow = lease(ledger)[0]
    again = NOW + timedelta(seconds=LEASE)
    lease(ledger, again)
    before = stored(ledger)

    counted = finish(ledger, slow, outcome, later(seconds=LEASE + 1), due_at=NOW)

    assert (False, before) == (counted, stored(ledger))
    assert lease(ledger, again + timedelta(seconds=1)) == []


def test_a_robbed_holder_of_an_older_revision_does_not_free_the_newer_one(ledger: Ledger) -> None:
    put(ledger)
    slow = lease(ledger)[0]
    put(ledger, total="79.99")
    again = NOW + timedelta(seconds=LEASE)
    lease(ledger, again)

    finish(ledger, slow, S.DELIVERED)

    assert lease(ledger, again + timedelta(seconds=1)) == []


# Outcomes.


def test_an_outcome_frees_the_row_and_is_written_down(ledger: Ledger) -> None:
    put(ledger)
    counted = finish(ledger, lease(ledger)[0], S.DELIVERED, later(minutes=1), transaction_id="44", attempts=1)

    delivery = stored(ledger)
    assert counted is True
    assert (
        delivery.state,
        delivery.lease_until,
        delivery.transaction_id,
        delivery.attempts,
    ) == (S.DELIVERED, None, "44", 1)
    assert moves(ledger)[-1] == (S.DELIVERING, S.DELIVERED, 1)


@pytest.mark.parametrize("outcome", [S.DUE, S.DELIVERED, S.STOPPED])
def test_a_newer_revision_wins_over_any_outcome_of_the_older(ledger: Ledger, outcome: DeliveryState) -> None:
    put(ledger)
    older = lease(ledger)[0]
    put(ledger, total="79.99")
    while_under_way = lease(ledger)

    counted = finish(ledger, older, outcome, transaction_id="44", note="of the older one")

    newer = lease(ledger)
    assert (counted, while_under_way) == (False, [])
    assert [(2, Decimal("79.99"), None)] == [(d.revision, d.transaction.total, d.note) for d in newer]


def test_a_finished_delivery_is_not_finished_twice(ledger: Ledger) -> None:
    put(ledger)
    delivery = lease(ledger)[0]
    finish(ledger, delivery, S.DELIVERED)

    assert finish(ledger, delivery, S.STOPPED) is False
    assert stored(ledger).state is S.DELIVERED


# A person.


def test_a_stopped_delivery_waits_for_a_person(ledger: Ledger) -> None:
    put(ledger)
    finish(ledger, lease(ledger)[0], S.STOPPED, note="The total is wrong.", attempts=1)

    far = NOW + timedelta(days=30)
    assert (lease(ledger, far), stored(ledger).note) == ([], "The total is wrong.")


def test_resuming_makes_it_due_and_says_who_did_it(ledger: Ledger) -> None:
    put(ledger)
    finish(ledger, lease(ledger)[0], S.STOPPED, note="The total is wrong.", attempts=1)
    anna = Audit("staff anna", "resumed by hand", NOW + timedelta(hours=1))
    with ledger.write() as connection:
        resumed = resume_delivery(connection, "A1", anna)
        event = events_of(connection, "order A1")[-1]

    delivery = stored(ledger)
    assert resumed is True
    assert (S.DUE, anna.at, 0, None) == (delivery.state, delivery.due_at, delivery.attempts, delivery.note)
    assert Event("order A1", anna.at, "staff anna", "resumed by hand", S.STOPPED, S.DUE, 1) == event


def test_only_what_is_stopped_is_resumed(ledger: Ledger) -> None:
    put(ledger)
    with ledger.write() as connection:
        known, unknown = resume_delivery(connection, "A1", WHY), resume_delivery(connection, "A2", WHY)

    assert (known, unknown) == (False, False)
    assert len(moves(ledger)) == 1


def test_the_last_event_of_a_delivery_at_rest_is_where_it_stands(ledger: Ledger) -> None:
    put(ledger)
    seen = [(moves(ledger)[-1][1:], stored(ledger))]
    finish(ledger, lease(ledger)[0], S.DUE, due_at=NOW, note="no answer")
    seen.append((moves(ledger)[-1][1:], stored(ledger)))
    finish(ledger, lease(ledger)[0], S.STOPPED, note="no")
    seen.append((moves(ledger)[-1][1:], stored(ledger)))
    with ledger.write() as connection:
        resume_delivery(connection, "A1", WHY)
    seen.append((moves(ledger)[-1][1:], stored(ledger)))
    put(ledger, total="1.00")
    seen.append((moves(ledger)[-1][1:], stored(ledger)))

    assert [told for told, _ in seen] == [(row.state, row.revision) for _, row in seen]
