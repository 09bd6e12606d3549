"""Claiming: once, whatever is clicked and whatever is lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from claimable_benefits.cache.thread_pool import ThreadPool
from claimable_benefits.errors import Declined, OmneoError
from claimable_benefits.service.account.invalidation import invalidate_profile
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.claims.claim import claim
from claimable_benefits.service.context import Context
from claimable_benefits.service.worker.turn import run_once
from claimable_benefits.wallet.profile_id import profile_of_customer
from claimable_benefits.wallet.wallet_cache import Limits, make_wallet_cache
from tests.service.conftest import KIM, LEO, MIA, ServiceHarness


def claimed_at_omneo(harness: ServiceHarness, handle: str) -> int:
    state = harness.held_at_omneo()
    profile = next(i["profile_id"] for i in state["identities"] if i["identifier"] == MIA.customer_id)
    definition = next(d["id"] for d in state["definitions"] if d["handle"] == handle)
    return sum(
        1
        for b in state["benefits"]
        if b["profile_id"] == profile and b["definition_id"] == definition and b["claimed_at"]
    )


def test_a_claim_moves_the_benefit_from_ready_to_yours(harness: ServiceHarness) -> None:
    done = claim(harness.ctx, MIA, "free-shipping", "click-1")

    wallet = read_wallet(harness.ctx, MIA)
    assert (done.name, done.already, done.confirmed) == ("Free Shipping", False, True)
    assert wallet.definition("free-shipping") is None
    assert wallet.holds("free-shipping") is not None


@pytest.mark.parametrize("second_click", ["click-1", "click-2"])
def test_a_second_claim_changes_nothing_and_says_so(harness: ServiceHarness, second_click: str) -> None:
    claim(harness.ctx, MIA, "free-shipping", "click-1")

    again = claim(harness.ctx, MIA, "free-shipping", second_click)

    assert again.already
    assert claimed_at_omneo(harness, "free-shipping") == 1


def test_a_lost_answer_is_found_while_the_shopper_waits(harness: ServiceHarness) -> None:
    harness.wire.fail("POST", "/claim", "applied then dropped")

    done = claim(harness.ctx, MIA, "free-shipping", "click-1")

    assert done.confirmed
    assert claimed_at_omneo(harness, "free-shipping") == 1


def test_a_claim_without_evidence_is_not_repeated_and_can_be_made_again_once_resolved(harness: ServiceHarness) -> None:
    harness.wire.fail("POST", "/claim", "dropped")

    first = claim(harness.ctx, MIA, "free-shipping", "click-1")
    meanwhile = claim(harness.ctx, MIA, "free-shipping", "click-2")
    on_the_shelf = read_wallet(harness.ctx, MIA)
    for _ in range(8):
        harness.clock.forward(seconds=30)
        run_once(harness.ctx)
    again = claim(harness.ctx, MIA, "free-shipping", "click-3")

    assert (first.confirmed, meanwhile.already, meanwhile.confirmed) == (False, True, False)
    assert on_the_shelf.pending_claims == ("Free Shipping",)
    assert on_the_shelf.definition("free-shipping") is None
    assert again.confirmed
    assert claimed_at_omneo(harness, "free-shipping") == 1


def test_what_is_not_claimable_is_declined(harness: ServiceHarness) -> None:
    with pytest.raises(Declined) as refused:
        claim(harness.ctx, MIA, "platinum-styling", "click-1")

    assert refused.value.reason == "not_claimable"


def test_omneo_refusing_at_the_last_moment_is_declined(harness: ServiceHarness) -> None:
    harness.wire.fail("POST", "/claim", "422", times=2)

    with pytest.raises(Declined) as refused:
        claim(harness.ctx, MIA, "free-shipping", "click-1")

    assert refused.value.reason == "not_claimable"


def test_omneo_not_reached_leaves_the_benefit_to_claim(harness: ServiceHarness) -> None:
    harness.wire.fail("POST", "/claim", "refused")

    with pytest.raises(Declined) as refused:
        claim(harness.ctx, MIA, "free-shipping", "click-1")
    later = claim(harness.ctx, MIA, "free-shipping", "click-2")

    assert refused.value.reason == "loyalty_unavailable"
    assert later.confirmed


def test_a_click_of_somebody_else_is_not_taken_for_ones_own(harness: ServiceHarness) -> None:
    claim(harness.ctx, MIA, "free-shipping", "click-1")

    done = claim(harness.ctx, LEO, "free-shipping", "click-1b")

    assert (done.already, done.confirmed) == (False, True)


def test_a_shopper_unknown_to_omneo_has_an_empty_shelf(harness: ServiceHarness) -> None:
    wallet = read_wallet(harness.ctx, KIM)

    assert (wallet.known, wallet.claimable, wallet.usable, wallet.past) == (False, (), (), ())


def test_an_unreadable_shelf_is_an_omneo_error(harness: ServiceHarness) -> None:
    harness.wire.fail("GET", "/benefits", "503", times=9)

    with pytest.raises(OmneoError):
        read_wallet(harness.ctx, MIA)


@pytest.fixture
def cached(harness: ServiceHarness) -> Iterator[Context]:
    """The context of a shop that caches wallets, as every shop does."""
    pool = ThreadPool()
    yield replace(harness.ctx, wallets=make_wallet_cache(Limits(), pool, None))
    pool.stop()


def test_a_hundred_claim_clicks_after_the_benefit_is_theirs_cost_at_most_four_calls(
    harness: ServiceHarness, cached: Context
) -> None:
    claim(cached, MIA, "free-shipping", "click-0")
    harness.wire.seen.clear()

    done = [claim(cached, MIA, "free-shipping", f"click-{number}") for number in range(1, 101)]

    assert {(one.already, one.confirmed) for one in done} == {(True, True)}
    assert len(harness.wire.seen) <= 4


def test_after_a_hint_that_something_changed_omneo_is_asked_again(harness: ServiceHarness, cached: Context) -> None:
    claim(cached, MIA, "free-shipping", "click-0")
    claim(cached, MIA, "free-shipping", "click-1")
    harness.wire.seen.clear()
    harness.clock.forward(seconds=1)
    # As another process does it, which has a cache of its own.
    invalidate_profile(harness.ctx, profile_of_customer(cached.wallet_source, MIA.customer_id) or "")

    done = claim(cached, MIA, "free-shipping", "click-2")

    assert (done.already, harness.wire.sent("GET", "/claimable")) == (True, 1)


def test_what_can_be_claimed_again_is_never_answered_from_the_cache(harness: ServiceHarness, cached: Context) -> None:
    definitions = {row["handle"]: row["id"] for row in harness.held_at_omneo()["definitions"]}
    harness.sandbox.test_client().put(
        f"/api/v3/benefits/definitions/{definitions['free-shipping']}",
        json={"is_reclaimable": True},
        headers={"Authorization": "Bearer sandbox-token"},
    )
    claim(cached, MIA, "free-shipping", "click-0")
    claim(cached, MIA, "free-shipping", "click-1")

    assert claimed_at_omneo(harness, "free-shipping") == 2
