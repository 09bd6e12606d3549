"""A customer's version: one for every change of their rows, and one for what has changed at Omneo."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from claimable_benefits.domain.states import CLAIM_MOVES, USE_MOVES, ClaimState, UseState
from claimable_benefits.errors import LedgerUnavailable
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.claims import move_claim
from claimable_benefits.ledger.customer_version import (
    CustomerVersion,
    invalidate_profile,
    read_customer_version,
)
from claimable_benefits.ledger.profile_ids import remember_profile
from claimable_benefits.ledger.uses import move_use, touch_use
from tests.ledger.rows import NOW, WHY, new_claim, new_use
from tests.support.postgres import Postgres


@pytest.fixture
def known(ledger: Ledger) -> Ledger:
    with ledger.write() as connection:
        remember_profile(connection, "1001", "mia", NOW)
    return ledger


def customer_version(ledger: Ledger) -> CustomerVersion:
    found = read_customer_version(ledger, "1001")
    assert found is not None
    return found


def test_a_customer_without_a_profile_has_no_version(ledger: Ledger) -> None:
    assert read_customer_version(ledger, "1001") is None


def test_holds_change_their_rows_and_nothing_at_omneo(known: Ledger) -> None:
    versions = [customer_version(known)]
    with known.write() as connection:
        held = new_use(connection)
    versions.append(customer_version(known))
    with known.write() as connection:
        touched = touch_use(connection, held, NOW, note="seen")
    versions.append(customer_version(known))
    with known.write() as connection:
        move_use(connection, touched, UseState.RELEASED, WHY)
    versions.append(customer_version(known))

    assert [each.has_uses for each in versions] == [False, True, True, True]
    assert len({each.rows for each in versions}) == 4
    assert len({each.writes for each in versions}) == 1
    assert {each.profile_id for each in versions} == {"mia"}


def test_every_step_of_a_use_at_omneo_is_another_one(known: Ledger) -> None:
    seen = [customer_version(known).writes]
    with known.write() as connection:
        use = new_use(connection)
    for to, changes in (
        (UseState.REDEEMING, {}),
        (UseState.IN_DOUBT, {}),
        (UseState.REFUSED, {}),
        (UseState.ROLLING_BACK, {"redemption_id": "159"}),
        (UseState.ROLLED_BACK, {}),
    ):
        with known.write() as connection:
            use = move_use(connection, use, to, WHY, **changes)
        seen.append(customer_version(known).writes)

    assert [seen[0] == each for each in seen] == [True, True, True, False, False, False]
    assert len(set(seen)) == 4


def test_a_claim_that_was_answered_is_another_one(known: Ledger) -> None:
    before = customer_version(known).writes
    with known.write() as connection:
        claim = new_claim(connection)
    asked = customer_version(known).writes
    with known.write() as connection:
        move_claim(connection, claim, ClaimState.CLAIMED, WHY, benefit_id="7")

    assert (asked == before, customer_version(known).writes == before) == (True, False)


def test_what_others_do_changes_nothing(known: Ledger) -> None:
    before = customer_version(known)
    with known.write() as connection:
        new_use(connection, customer_id="1002", profile_id="leo")

    assert before == customer_version(known)


def test_an_invalidation_changes_nothing_else(known: Ledger) -> None:
    before = customer_version(known)
    with known.write() as connection:
        changed = invalidate_profile(connection, "mia", NOW + timedelta(seconds=1))
    after = customer_version(known)

    assert changed == 1
    assert (before.invalidations == after.invalidations, before.writes == after.writes, before.rows == after.rows) == (
        False,
        True,
        True,
    )


def test_a_connection_that_the_server_has_closed_is_replaced(postgres: Postgres) -> None:
    ledger = Ledger(postgres.empty_ledger())
    with ledger.write() as connection:
        remember_profile(connection, "1001", "mia", NOW)
    before = customer_version(ledger)
    postgres.cut()
    after = customer_version(ledger)
    ledger.close()

    assert before == after


def test_a_server_that_does_not_answer_is_named() -> None:
    ledger = Ledger("postgresql://shop@127.0.0.1:9/shop")

    with pytest.raises(LedgerUnavailable, match="The ledger cannot be used right now"):
        read_customer_version(ledger, "1001")

    ledger.close()


def test_a_child_of_a_fork_reads_over_a_connection_of_its_own(known: Ledger) -> None:
    before = customer_version(known)
    if (child := os.fork()) == 0:  # no assertion here: the child must end at once, whatever happens
        os._exit(0 if read_customer_version(known, "1001") == before else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert customer_version(known) == before


def test_a_ledger_that_cannot_answer_says_so(tmp_path: Path) -> None:
    empty = Ledger(f"sqlite:///{tmp_path / 'empty.sqlite3'}")

    with pytest.raises((LedgerUnavailable, DBAPIError), match="benefits_shops"):
        customer_version(empty)

    empty.close()


@given(st.data())
def test_the_version_grows_with_everything_that_changes_at_omneo(
    data: st.DataObject,
) -> None:
    """The sum is worked out here as the database does it: it must grow with everything that changes at Omneo."""

    def weight(state: UseState, *, redeemed: bool) -> int:
        return (state is UseState.REFUSED) + 2 * redeemed + 4 * (state is UseState.ROLLED_BACK)

    state, redeemed, seen = UseState.HELD, False, 0
    for _ in range(12):
        if not USE_MOVES[state]:
            break
        to = data.draw(st.sampled_from(sorted(USE_MOVES[state])))
        applied = to in (UseState.REDEEMED, UseState.CONSUMED, UseState.ROLLING_BACK) and not redeemed
        redeemed = redeemed or applied
        now = weight(to, redeemed=redeemed)
        if applied or to is UseState.ROLLED_BACK:
            assert now > seen
        state, seen = to, now


def test_answered_claims_stay_answered() -> None:
    assert [CLAIM_MOVES[state] for state in (ClaimState.CLAIMED, ClaimState.REFUSED)] == [frozenset(), frozenset()]
