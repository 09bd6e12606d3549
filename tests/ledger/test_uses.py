"""Uses: what the database refuses, and movements by compare-and-set."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claimable_benefits.domain.states import LIVE_USES, USE_MOVES, UseState
from claimable_benefits.errors import ConflictError
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.events import Audit, Event, events_of
from claimable_benefits.ledger.uses import (
    Use,
    due_uses,
    find_use,
    held_in_cart,
    live_uses_of,
    move_use,
    overdue_holds,
    owned_ids,
    sweepable_uses,
    touch_use,
    use_of_redemption,
    uses_of_customer,
    uses_of_order,
)
from tests.ledger.rows import NOW, WHY, later, new_use, open_ledger

S = UseState
# One way from a hold to each state.
WAYS: dict[UseState, tuple[UseState, ...]] = {
    S.HELD: (),
    S.REDEEMING: (S.REDEEMING,),
    S.IN_DOUBT: (S.REDEEMING, S.IN_DOUBT),
    S.REDEEMED: (S.REDEEMING, S.REDEEMED),
    S.CONSUMED: (S.REDEEMING, S.CONSUMED),
    S.ROLLING_BACK: (S.REDEEMING, S.REDEEMED, S.ROLLING_BACK),
    S.ROLLED_BACK: (S.REDEEMING, S.REDEEMED, S.ROLLING_BACK, S.ROLLED_BACK),
    S.RELEASED: (S.RELEASED,),
    S.REFUSED: (S.REDEEMING, S.REFUSED),
    S.MANUAL_REVIEW: (S.REDEEMING, S.IN_DOUBT, S.MANUAL_REVIEW),
}


def use_in(ledger: Ledger, state: UseState, **values: Any) -> Use:
    with ledger.write() as connection:
        use = new_use(connection, **values)
        for to in WAYS[state]:
            use = move_use(connection, use, to, WHY)
    return use


def history(ledger: Ledger, use: Use) -> list[Event]:
    with ledger.read() as connection:
        return events_of(connection, use.use_id)


def row(ledger: Ledger, use: Use) -> Use | None:
    with ledger.read() as connection:
        return find_use(connection, use.use_id)


@pytest.mark.parametrize("state", LIVE_USES)
def test_the_database_refuses_a_second_live_use_of_a_benefits_slot(ledger: Ledger, state: UseState) -> None:
    use_in(ledger, state)

    with pytest.raises(ConflictError), ledger.write() as connection:
        new_use(connection)

    with ledger.read() as connection:
        assert len(live_uses_of(connection, "mia", "7")) == 1


@pytest.mark.parametrize("state", sorted(set(UseState) - set(LIVE_USES)))
def test_a_use_that_is_over_leaves_its_slot(ledger: Ledger, state: UseState) -> None:
    use_in(ledger, state)

    with ledger.write() as connection:
        assert new_use(connection).state is UseState.HELD


@pytest.mark.parametrize("other", [{"slot": 1}, {"benefit_id": "8"}, {"profile_id": "leo"}])
def test_another_slot_benefit_or_profile_is_free(ledger: Ledger, other: dict[str, object]) -> None:
    use_in(ledger, UseState.HELD)

    assert use_in(ledger, UseState.HELD, **other).state is UseState.HELD


def test_a_cart_has_one_hold_however_many_benefits_there_are(ledger: Ledger) -> None:
    use_in(ledger, UseState.HELD, cart_id="cart-1")

    with pytest.raises(ConflictError), ledger.write() as connection:
        new_use(connection, cart_id="cart-1", benefit_id="8")


def test_a_cart_whose_hold_was_redeemed_may_hold_another_benefit(ledger: Ledger) -> None:
    use_in(ledger, UseState.REDEEMED, cart_id="cart-1")

    assert use_in(ledger, UseState.HELD, cart_id="cart-1", benefit_id="8").state is UseState.HELD


def test_a_reference_is_used_once_even_after_its_use_is_over(ledger: Ledger) -> None:
    use_in(ledger, UseState.REFUSED, reference="shop-1")

    with pytest.raises(ConflictError), ledger.write() as connection:
        new_use(connection, reference="shop-1", benefit_id="8")


def test_a_refused_hold_writes_no_event(ledger: Ledger) -> None:
    use_in(ledger, UseState.HELD)

    with pytest.raises(ConflictError), ledger.write() as connection:
        new_use(connection, use_id="second")

    with ledger.read() as connection:
        assert events_of(connection, "second") == []


@pytest.mark.parametrize("state", UseState)
def test_every_movement_outside_the_table_is_an_error_of_the_caller(ledger: Ledger, state: UseState) -> None:
    use = use_in(ledger, state)
    before = history(ledger, use)

    for to in set(UseState) - USE_MOVES[state]:
        with pytest.raises(ValueError, match=f"does not go from {state} to {to}"), ledger.write() as connection:
            move_use(connection, use, to, WHY)

    assert (use, before) == (row(ledger, use), history(ledger, use))


@pytest.mark.parametrize("state", [state for state in UseState if USE_MOVES[state]])
def test_every_movement_of_the_table_is_written_with_who_and_why(ledger: Ledger, state: UseState) -> None:
    for place, to in enumerate(sorted(USE_MOVES[state])):
        use = use_in(ledger, state, benefit_id=f"b{place}")
        audit = Audit("staff anna", "she said so", NOW + timedelta(minutes=1))

        with ledger.write() as connection:
            moved = move_use(connection, use, to, audit)

        event = Event(use.use_id, audit.at, "staff anna", "she said so", state, to, use.version + 1)
        assert (to, use.version + 1, audit.at) == (moved.state, moved.version, moved.updated_at)
        assert event == history(ledger, use)[-1]


def test_a_stale_version_conflicts_and_writes_no_event(ledger: Ledger) -> None:
    seen = use_in(ledger, UseState.HELD)
    with ledger.write() as connection:
        current = touch_use(connection, seen, NOW, note="somebody else was here")
    before = history(ledger, seen)

    with pytest.raises(ConflictError), ledger.write() as connection:
        move_use(connection, seen, UseState.REDEEMING, WHY)

    assert (current, before) == (row(ledger, seen), history(ledger, seen))


def test_a_stale_state_conflicts(ledger: Ledger) -> None:
    seen = use_in(ledger, UseState.HELD)
    with ledger.write() as connection:
        move_use(connection, seen, UseState.RELEASED, WHY)

    with pytest.raises(ConflictError), ledger.write() as connection:
        move_use(connection, seen, UseState.REDEEMING, WHY)

    assert [event.to_state for event in history(ledger, seen)] == [S.HELD, S.RELEASED]


def test_a_stale_touch_changes_nothing(ledger: Ledger) -> None:
    seen = use_in(ledger, UseState.HELD)
    with ledger.write() as connection:
        current = touch_use(connection, seen, NOW, attempts=1)

    with pytest.raises(ConflictError), ledger.write() as connection:
        touch_use(connection, seen, NOW, attempts=7)

    assert current == row(ledger, seen)


def test_a_movement_that_is_rolled_back_leaves_no_event(ledger: Ledger) -> None:
    use = use_in(ledger, UseState.HELD)

    with ledger.engine.connect() as connection:
        move_use(ledger.join(connection), use, UseState.REDEEMING, WHY)
        connection.rollback()

    assert (use, 1) == (row(ledger, use), len(history(ledger, use)))


def test_a_movement_ends_lease_and_due_time_unless_it_sets_new_ones(ledger: Ledger) -> None:
    soon = NOW + timedelta(seconds=40)
    use = use_in(ledger, UseState.HELD)
    with ledger.write() as connection:
        leased = move_use(connection, use, UseState.REDEEMING, WHY, lease_until=soon, due_at=soon)
        moved = move_use(connection, leased, UseState.IN_DOUBT, WHY)

    assert (soon, soon) == (leased.lease_until, leased.due_at)
    assert (moved.lease_until, moved.due_at) == (None, None)


def test_one_redemption_belongs_to_one_use(ledger: Ledger) -> None:
    first, second = use_in(ledger, UseState.REDEEMING), use_in(ledger, UseState.REDEEMING, slot=1)
    with ledger.write() as connection:
        owner = move_use(connection, first, UseState.REDEEMED, WHY, redemption_id="159")

    with pytest.raises(ConflictError), ledger.write() as connection:
        move_use(connection, second, UseState.REDEEMED, WHY, redemption_id="159")

    with ledger.read() as connection:
        assert owner == use_of_redemption(connection, "159")
    assert second == row(ledger, second)


# One ledger serves all examples: each walks with a benefit of its own.
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(st.data())
def test_the_events_of_any_walk_replay_to_the_row(ledger: Ledger, data: st.DataObject) -> None:
    with ledger.write() as connection:
        use = new_use(connection, benefit_id=str(uuid4()))
        for step in range(data.draw(st.integers(0, 8))):
            if not USE_MOVES[use.state]:
                break
            if data.draw(st.booleans()):
                use = touch_use(connection, use, NOW, attempts=step)
            use = move_use(
                connection, use, data.draw(st.sampled_from(sorted(USE_MOVES[use.state]))), later(minutes=step)
            )
    events = history(ledger, use)
    stored = row(ledger, use)

    assert stored is not None
    assert (stored.state, stored.version) == (events[-1].to_state, events[-1].version)
    assert [None, *(event.to_state for event in events[:-1])] == [event.from_state for event in events]
    assert sorted({event.version for event in events}) == [event.version for event in events]


def test_what_is_due_is_neither_leased_nor_waiting(ledger: Ledger) -> None:
    soon = NOW + timedelta(minutes=1)
    facts: dict[str, dict[str, object]] = {
        "free": {},
        "lease over": {"lease_until": NOW},
        "due now": {"due_at": NOW},
        "leased": {"lease_until": soon},
        "due later": {"due_at": soon},
    }
    names = {}
    for place, (name, changes) in enumerate(facts.items()):
        use = use_in(ledger, UseState.IN_DOUBT, slot=place)
        names[use.use_id] = name
        with ledger.write() as connection:
            touch_use(connection, use, NOW, **changes)

    with ledger.read() as connection:
        due = due_uses(connection, UseState.IN_DOUBT, NOW)
        none = due_uses(connection, UseState.HELD, NOW)

    assert {"free", "lease over", "due now"} == {names[use.use_id] for use in due}
    assert none == []


def test_a_hold_is_overdue_from_its_very_end(ledger: Ledger) -> None:
    hold = use_in(ledger, UseState.HELD, held_until=NOW)
    use_in(ledger, UseState.REDEEMING, held_until=NOW, benefit_id="8")

    with ledger.read() as connection:
        before = overdue_holds(connection, NOW - timedelta(microseconds=1))
        after = overdue_holds(connection, NOW)

    assert ([], [hold]) == (before, after)


def test_a_cart_shows_its_hold_to_its_own_shopper_only(ledger: Ledger) -> None:
    hold = use_in(ledger, UseState.HELD, cart_id="cart-1")

    with ledger.read() as connection:
        own, others = held_in_cart(connection, "1001", "cart-1"), held_in_cart(connection, "1002", "cart-1")

    assert (hold, None) == (own, others)


def test_the_attempts_of_an_order_come_oldest_first(ledger: Ledger) -> None:
    with ledger.write() as connection:
        second = new_use(connection, later(minutes=1), order_number="A1", slot=1)
        first = new_use(connection, WHY, order_number="A1")
        new_use(connection, WHY, order_number="A2", slot=2)

    with ledger.read() as connection:
        attempts = uses_of_order(connection, "A1")

    assert [first, second] == attempts


def test_a_customers_uses_are_chosen_by_state(ledger: Ledger) -> None:
    consumed = use_in(ledger, UseState.CONSUMED)
    use_in(ledger, UseState.RELEASED)
    use_in(ledger, UseState.CONSUMED, customer_id="1002")

    with ledger.read() as connection:
        found = uses_of_customer(connection, "1001", states=[UseState.CONSUMED, UseState.ROLLED_BACK])

    assert [consumed] == found


def test_a_lease_holds_until_its_end_and_no_longer(ledger: Ledger) -> None:
    use = use_in(ledger, UseState.HELD)
    with ledger.write() as connection:
        leased = touch_use(connection, use, NOW, lease_until=NOW + timedelta(seconds=40))

    assert use.is_leased(NOW) is False
    assert leased.is_leased(NOW + timedelta(seconds=39)) is True
    assert leased.is_leased(NOW + timedelta(seconds=40)) is False


def test_a_ledger_keeps_its_rows_when_it_is_opened_again(ledger_url: str) -> None:
    first = open_ledger(ledger_url)
    use = use_in(first, UseState.HELD)
    first.close()

    second = open_ledger(ledger_url)
    found = row(second, use)
    second.close()

    assert use == found


def test_a_use_that_was_not_sent_cannot_take_its_cart_back_from_another_hold(ledger: Ledger) -> None:
    sending = use_in(ledger, UseState.REDEEMING, cart_id="cart-1")
    use_in(ledger, UseState.HELD, cart_id="cart-1", benefit_id="8")

    with pytest.raises(ConflictError), ledger.write() as connection:
        move_use(connection, sending, UseState.HELD, WHY)

    assert sending == row(ledger, sending)


@pytest.mark.parametrize("odd", ["a\x00b", "a\ud800b", "a\x1bb", "x" * 60_000])
def test_a_note_an_actor_and_a_reason_can_be_stored_whatever_they_quote(ledger: Ledger, odd: str) -> None:
    with ledger.write() as connection:
        use = new_use(connection, Audit(f"shopper {odd}", odd, NOW))
        touch_use(connection, use, NOW, note=odd)
    with ledger.read() as connection:
        found = find_use(connection, use.use_id)
        [event] = events_of(connection, use.use_id)

    assert found is not None
    assert found.note is not None
    assert 2 <= len(found.note) <= 2_000
    assert event.actor.startswith("shopper ")
    assert found.note == event.reason


def test_an_id_of_omneos_may_have_255_characters(ledger: Ledger) -> None:
    long = "r" * 255
    with ledger.write() as connection:
        use = new_use(connection, profile_id="p" * 255, benefit_id="b" * 255, definition_handle="h" * 255)
        use = move_use(connection, use, UseState.REDEEMING, WHY)
        use = move_use(connection, use, UseState.REDEEMED, WHY, redemption_id=long)
        move_use(connection, use, UseState.ROLLING_BACK, WHY, rollback_id="b" * 255)
        found = use_of_redemption(connection, long)

    assert found is not None
    assert found.rollback_id == "b" * 255


def test_a_row_that_a_process_works_on_is_not_swept_beside_it(ledger: Ledger) -> None:
    with ledger.write() as connection:
        use = new_use(connection, sweep_at=NOW, lease_until=NOW + timedelta(seconds=40))
        during = sweepable_uses(connection, NOW + timedelta(seconds=39))
        after = sweepable_uses(connection, NOW + timedelta(seconds=40))

    assert (during, after) == ([], [use])


def test_uses_from_before_a_merge_of_profiles_own_their_redemptions(ledger: Ledger) -> None:
    with ledger.write() as connection:
        new_use(connection, profile_id="merged away", redemption_id="159")
        new_use(connection, profile_id="another's", customer_id="1002", redemption_id="160")
        use = new_use(connection)
        owned = owned_ids(connection, use, "redemption_id")

    assert owned == {"159"}
