"""The tables of movements, as graphs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

import pytest

from claimable_benefits.domain.states import (
    CLAIM_MOVES,
    DELIVERY_MOVES,
    LIVE_CLAIMS,
    LIVE_USES,
    UNCOUNTED_USES,
    USE_MOVES,
    ClaimState,
    DeliveryState,
    UseState,
)

TABLES = pytest.mark.parametrize(
    ("kind", "table", "start"),
    [(UseState, USE_MOVES, UseState.HELD), (ClaimState, CLAIM_MOVES, ClaimState.CLAIMING)],
    ids=["uses", "claims"],
)
State = TypeVar("State", bound=StrEnum)
Moves = Mapping[State, frozenset[State]]


def reachable(table: Moves[State], start: State) -> set[State]:
    seen: set[State] = set()
    ahead = {start}
    while ahead:
        seen |= ahead
        ahead = {to for state in ahead for to in table[state]} - seen
    return seen


@TABLES
def test_every_state_is_a_key_in_the_enums_order(kind: type[StrEnum], table: Moves[StrEnum], start: StrEnum) -> None:
    assert list(kind) == list(table)


@TABLES
def test_every_state_can_be_reached(kind: type[StrEnum], table: Moves[StrEnum], start: StrEnum) -> None:
    assert set(kind) == reachable(table, start)


@TABLES
def test_no_state_leads_to_itself(kind: type[StrEnum], table: Moves[StrEnum], start: StrEnum) -> None:
    assert [state for state, to in table.items() if state in to] == []


def test_only_a_state_without_a_way_out_is_final() -> None:
    assert {UseState.ROLLED_BACK} == {state for state, to in USE_MOVES.items() if not to}
    assert {ClaimState.CLAIMED, ClaimState.REFUSED} == {state for state, to in CLAIM_MOVES.items() if not to}


def test_every_use_that_occupies_a_slot_can_come_to_rest() -> None:
    for state in LIVE_USES:
        assert reachable(USE_MOVES, state) - set(LIVE_USES), state


def test_every_claim_under_way_can_come_to_rest() -> None:
    for state in LIVE_CLAIMS:
        assert reachable(CLAIM_MOVES, state) - set(LIVE_CLAIMS), state


def test_nothing_is_redeemed_without_the_intention_first() -> None:
    before_redeemed = {state for state, to in USE_MOVES.items() if UseState.REDEEMED in to}

    assert {UseState.REDEEMING, UseState.IN_DOUBT} == before_redeemed


def test_a_doubt_is_never_sent_again() -> None:
    assert not USE_MOVES[UseState.IN_DOUBT] & {UseState.REDEEMING, UseState.HELD}
    assert ClaimState.CLAIMING not in CLAIM_MOVES[ClaimState.IN_DOUBT]


def test_a_resolved_attempt_is_never_sent_again() -> None:
    for state in (UseState.RELEASED, UseState.REFUSED, UseState.ROLLED_BACK, UseState.ROLLING_BACK):
        assert not reachable(USE_MOVES, state) & set(LIVE_USES), state


def test_only_a_rollback_returns_what_omneo_has_redeemed() -> None:
    assert {UseState.CONSUMED, UseState.ROLLING_BACK, UseState.MANUAL_REVIEW} == USE_MOVES[UseState.REDEEMED]
    assert {UseState.ROLLING_BACK} == USE_MOVES[UseState.CONSUMED]


def test_what_is_not_counted_by_omneo_yet_is_live() -> None:
    assert set(LIVE_USES) - {UseState.REDEEMED} == set(UNCOUNTED_USES)


def test_every_delivery_can_arrive() -> None:
    for state in DELIVERY_MOVES:
        assert state is DeliveryState.DELIVERED or DeliveryState.DELIVERED in reachable(DELIVERY_MOVES, state)


def test_a_late_answer_is_believed_however_the_doubt_stands() -> None:
    outcomes = {UseState.REDEEMED, UseState.CONSUMED, UseState.REFUSED}

    assert outcomes <= USE_MOVES[UseState.IN_DOUBT]
    assert UseState.ROLLING_BACK in USE_MOVES[UseState.RELEASED]
