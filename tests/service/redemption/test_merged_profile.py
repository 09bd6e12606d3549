"""A profile that is merged into another one at Omneo while a cart holds its benefit."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import Declined
from claimable_benefits.ledger.uses import uses_of_customer
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.service.redemption.rollback import roll_back_order
from claimable_benefits.service.worker.turn import run_once
from tests.service.conftest import AWKWARD, MIA, OpenHarness, ServiceHarness
from tests.service.steps import held, lose, use

WINNER = "0c0ffee0-0000-4000-8000-000000000001"


def merge(folder: Path, old: str, *, into: str = WINNER, with_benefits: bool = True) -> None:
    """Merge the profile ``old`` into a new one, as Omneo does it: the loser is gone."""
    [store] = (folder / "omneo").glob("*.sqlite*[!lm]")
    with closing(sqlite3.connect(store)) as database, database:
        columns = "email, tier_handle, doc, created_at, updated_at"
        database.execute(f"INSERT INTO profiles SELECT ?, {columns} FROM profiles WHERE id = ?", (into, old))  # noqa: S608
        for table in ("identities", "benefits", "redemptions") if with_benefits else ("identities",):
            database.execute(f"UPDATE {table} SET profile_id = ? WHERE profile_id = ?", (into, old))  # noqa: S608
        database.execute("DELETE FROM profiles WHERE id = ?", (old,))


def placed(harness: ServiceHarness, use_id: str) -> str:
    return redeem_for_order(harness.ctx, use_id, "A1", actor="shopper 1001").redemption_id or ""


def test_a_profile_merged_while_its_benefit_is_held_is_followed(harness: ServiceHarness, tmp_path: Path) -> None:
    use_id = held(harness)
    merge(tmp_path, use(harness, use_id).profile_id)
    harness.wire.seen.clear()

    redemption_id = placed(harness, use_id)

    row = use(harness, use_id)
    assert (row.state, row.profile_id, row.redemption_id) == (UseState.REDEEMED, WINNER, redemption_id)
    assert harness.live_redemptions() == [redemption_id]
    assert harness.wire.sent("POST", "/redemptions") == 2
    assert read_wallet(harness.ctx, MIA).profile_id == WINNER


def test_what_did_not_come_along_is_gone(harness: ServiceHarness, tmp_path: Path) -> None:
    use_id = held(harness)
    merge(tmp_path, use(harness, use_id).profile_id, with_benefits=False)

    with pytest.raises(Declined) as declined:
        placed(harness, use_id)

    assert declined.value.reason == "benefit_gone"
    assert (use(harness, use_id).state, harness.live_redemptions()) == (UseState.REFUSED, [])


def test_the_second_request_is_the_last_one(harness: ServiceHarness, tmp_path: Path) -> None:
    use_id = held(harness)
    merge(tmp_path, use(harness, use_id).profile_id)

    def merged_again(request: httpx.Request) -> None:
        if WINNER in request.url.path:
            harness.wire.before_write = None
            merge(tmp_path, WINNER, into=WINNER.replace("1", "2"))

    harness.wire.before_write = merged_again
    with pytest.raises(Declined) as declined:
        placed(harness, use_id)

    assert declined.value.reason == "benefit_gone"
    assert harness.live_redemptions() == []


def test_where_the_profile_cannot_be_looked_up_the_benefit_stays_held(harness: ServiceHarness, tmp_path: Path) -> None:
    use_id = held(harness)
    merge(tmp_path, use(harness, use_id).profile_id)
    harness.wire.fail("GET", "/identities/search", "503")

    with pytest.raises(Declined) as declined:
        placed(harness, use_id)
    with harness.ctx.ledger.read() as connection:
        states = {row.state for row in uses_of_customer(connection, MIA.customer_id, states=UseState)}

    assert declined.value.reason == "loyalty_unavailable"
    assert UseState.HELD in states


def test_a_lost_answer_under_the_new_profile_is_found(harness: ServiceHarness, tmp_path: Path) -> None:
    use_id = held(harness)
    merge(tmp_path, use(harness, use_id).profile_id)
    harness.wire.fail("POST", f"{WINNER}/benefits", "applied then dropped")

    redemption_id = placed(harness, use_id)

    assert harness.live_redemptions() == [redemption_id]


@pytest.mark.parametrize("status", ["404", "409", "422"])
def test_a_refusal_for_the_same_profile_is_a_refusal(harness: ServiceHarness, status: str) -> None:
    use_id = held(harness)
    harness.wire.seen.clear()
    harness.wire.fail("POST", use(harness, use_id).profile_id, status, times=9)

    with pytest.raises(Declined) as declined:
        placed(harness, use_id)

    assert declined.value.reason == "benefit_gone"
    assert use(harness, use_id).state is UseState.REFUSED


def lost(harness: ServiceHarness) -> str:
    use_id = held(harness)
    lose(harness, "applied then dropped", use_id)
    return use_id


def lost_rollback(harness: ServiceHarness) -> str:
    use_id = held(harness)
    placed(harness, use_id)
    harness.wire.fail("POST", "/reversal", "applied then dropped")
    roll_back_order(harness.ctx, "A1", actor="shop", reason="declined")
    return use_id


@pytest.mark.parametrize("begin", [lost, lost_rollback])
def test_a_profile_merged_while_an_answer_is_lost_is_followed(
    new_harness: OpenHarness, tmp_path: Path, begin: Callable[[ServiceHarness], str]
) -> None:
    harness = new_harness(switches=AWKWARD)
    use_id = begin(harness)
    merge(tmp_path, use(harness, use_id).profile_id)

    harness.work(minutes=4)

    row = use(harness, use_id)
    assert (row.state, row.profile_id) == (UseState.ROLLED_BACK, WINNER)
    assert harness.live_redemptions() == []


@pytest.mark.parametrize("begin", [lost, lost_rollback])
def test_a_profile_that_is_gone_while_an_answer_is_lost_leaves_it_to_a_person(
    new_harness: OpenHarness, begin: Callable[[ServiceHarness], str]
) -> None:
    harness = new_harness(switches=AWKWARD)
    use_id = begin(harness)
    harness.wire.fail("GET", f"/profiles/{use(harness, use_id).profile_id}/", "404", times=10**6)
    for _ in range(13):
        harness.clock.forward(hours=2)
        run_once(harness.ctx)

    assert use(harness, use_id).state is UseState.MANUAL_REVIEW
