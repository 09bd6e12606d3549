"""Claims: one under way per profile and kind of benefit."""

from __future__ import annotations

from datetime import timedelta

import pytest

from claimable_benefits.domain.states import CLAIM_MOVES, LIVE_CLAIMS, ClaimState
from claimable_benefits.errors import ConflictError
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.claims import (
    Claim,
    claimed_ids,
    due_claims,
    find_claim,
    live_claims_of,
    move_claim,
    touch_claim,
)
from claimable_benefits.ledger.events import events_of
from tests.ledger.rows import NOW, WHY, new_claim

S = ClaimState
WAYS: dict[ClaimState, tuple[ClaimState, ...]] = {
    S.CLAIMING: (),
    S.IN_DOUBT: (S.IN_DOUBT,),
    S.CLAIMED: (S.CLAIMED,),
    S.REFUSED: (S.REFUSED,),
    S.ABANDONED: (S.ABANDONED,),
}


def claim_in(ledger: Ledger, state: ClaimState, **values: object) -> Claim:
    with ledger.write() as connection:
        claim = new_claim(connection, **values)
        for to in WAYS[state]:
            claim = move_claim(connection, claim, to, WHY)
    return claim


@pytest.mark.parametrize("state", LIVE_CLAIMS)
def test_the_database_refuses_a_second_claim_while_one_is_under_way(ledger: Ledger, state: ClaimState) -> None:
    first = claim_in(ledger, state)

    with pytest.raises(ConflictError), ledger.write() as connection:
        new_claim(connection)

    with ledger.read() as connection:
        assert [first] == live_claims_of(connection, "mia")


@pytest.mark.parametrize("state", sorted(set(ClaimState) - set(LIVE_CLAIMS)))
def test_a_claim_that_is_over_lets_another_begin(ledger: Ledger, state: ClaimState) -> None:
    claim_in(ledger, state)

    assert claim_in(ledger, ClaimState.CLAIMING).state is ClaimState.CLAIMING


def test_the_same_click_is_one_claim_even_when_it_is_over(ledger: Ledger) -> None:
    claim_in(ledger, ClaimState.CLAIMED, claim_id="click")

    with pytest.raises(ConflictError), ledger.write() as connection:
        new_claim(connection, claim_id="click")


@pytest.mark.parametrize("state", ClaimState)
def test_every_movement_outside_the_table_is_an_error_of_the_caller(ledger: Ledger, state: ClaimState) -> None:
    claim = claim_in(ledger, state)

    for to in set(ClaimState) - CLAIM_MOVES[state]:
        with pytest.raises(ValueError, match=f"does not go from {state} to {to}"), ledger.write() as connection:
            move_claim(connection, claim, to, WHY)

    with ledger.read() as connection:
        assert claim == find_claim(connection, claim.claim_id)


def test_a_stale_version_conflicts_and_writes_no_event(ledger: Ledger) -> None:
    seen = claim_in(ledger, ClaimState.CLAIMING)
    with ledger.write() as connection:
        current = touch_claim(connection, seen, NOW, attempts=1)

    with pytest.raises(ConflictError), ledger.write() as connection:
        move_claim(connection, seen, ClaimState.CLAIMED, WHY)

    with ledger.read() as connection:
        assert current == find_claim(connection, seen.claim_id)
        assert [event.to_state for event in events_of(connection, seen.claim_id)] == [ClaimState.CLAIMING]


def test_the_events_of_a_claim_replay_to_its_row(ledger: Ledger) -> None:
    claim = claim_in(ledger, ClaimState.IN_DOUBT)
    with ledger.write() as connection:
        claim = touch_claim(connection, claim, NOW, attempts=1)
        claim = move_claim(connection, claim, ClaimState.ABANDONED, WHY)
        claim = move_claim(connection, claim, ClaimState.CLAIMED, WHY, benefit_id="7")

    with ledger.read() as connection:
        events = events_of(connection, claim.claim_id)
    expected = [
        (None, S.CLAIMING, 1),
        (S.CLAIMING, S.IN_DOUBT, 2),
        (S.IN_DOUBT, S.ABANDONED, 4),
        (S.ABANDONED, S.CLAIMED, 5),
    ]
    assert expected == [(event.from_state, event.to_state, event.version) for event in events]
    assert (claim.state, claim.version) == (S.CLAIMED, 5)


def test_a_benefit_that_a_claim_brought_is_owned(ledger: Ledger) -> None:
    claim = claim_in(ledger, ClaimState.CLAIMING)
    with ledger.write() as connection:
        before = claimed_ids(connection, claim.profile_id)
        move_claim(connection, claim, ClaimState.CLAIMED, WHY, benefit_id="7")
        after = claimed_ids(connection, claim.profile_id)

    assert (before, after) == (set(), {"7"})


def test_a_claim_whose_holder_died_is_due_when_its_lease_ends(ledger: Ledger) -> None:
    claim = claim_in(ledger, ClaimState.CLAIMING)

    with ledger.read() as connection:
        early = due_claims(connection, ClaimState.CLAIMING, NOW + timedelta(seconds=39))
        late = due_claims(connection, ClaimState.CLAIMING, NOW + timedelta(seconds=40))

    assert ([], [claim]) == (early, late)
