"""The builder and what a test reads afterwards."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from claimable_benefits.testing import OmneoClock, OmneoSandbox


def ask(omneo: OmneoSandbox, path: str, body: Any = None) -> Any:
    """Speak to the sandbox over its socket, as a shop does."""
    sent = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(  # noqa: S310 - our own server
        omneo.base_url + path, sent, {"Authorization": f"Bearer {omneo.token}", "Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310 - our own server
        return json.load(answer)["data"]


@pytest.mark.parametrize("customer_id", [1001, UUID("6f1a5b1e-8a5e-4a58-9d6e-0d7a3a7d0001")])
def test_a_shop_with_integers_or_uuids_for_ids_writes_them_as_they_are(
    omneo_sandbox: OmneoSandbox, customer_id: int | UUID
) -> None:
    mia = omneo_sandbox.shopper(customer_id).holds("alterations")

    found = ask(omneo_sandbox, f"/identities/search?handle=ecommerce&identifier={customer_id}")
    assert (found["profile_id"], str(customer_id)) == (mia.profile_id, mia.customer_id)
    assert len(omneo_sandbox.benefits_of(customer_id)) == 1


def test_a_shopper_is_found_by_her_customer_id(omneo_sandbox: OmneoSandbox) -> None:
    mia = omneo_sandbox.shopper(
        "1001", first_name="Mia", last_name="Ngo", tier="gold", tags=["member"], gender="female"
    )

    found = ask(omneo_sandbox, "/identities/search?handle=ecommerce&identifier=1001")
    profile = ask(omneo_sandbox, f"/profiles/{mia.profile_id}")

    assert found["profile_id"] == mia.profile_id
    assert tuple(profile[name] for name in ("full_name", "tier_handle", "tags", "gender")) == (
        "Mia Ngo",
        "gold",
        ["member"],
        "female",
    )


def test_a_test_begins_with_an_empty_sandbox_whatever_the_one_before_left(
    omneo_sandbox: OmneoSandbox, omneo_clock: OmneoClock
) -> None:
    omneo_sandbox.shopper("1001").holds("gift")
    omneo_clock.freeze("2031-01-01")

    omneo_sandbox.clean()

    assert ask(omneo_sandbox, "/profiles") == ask(omneo_sandbox, "/benefit-definitions") == []
    assert abs(omneo_clock.now - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_held_benefit_has_its_uses_its_end_and_its_code(omneo_sandbox: OmneoSandbox) -> None:
    mia = omneo_sandbox.shopper("1001")
    mia.holds("alterations", uses=3, issued="2026-01-01", ends="2099-06-15 18:00:00", code="ALT-1", value=12.5)

    [held] = omneo_sandbox.benefits_of("1001")
    [read] = ask(omneo_sandbox, f"/profiles/{mia.profile_id}/benefits")

    assert held == read
    assert tuple(held[name] for name in ("redemptions_remaining", "expires_at", "redeem_code_online", "value")) == (
        3,
        "2099-06-15 08:00:00",
        "ALT-1",
        12.5,
    )
    assert (held["definition"]["name"], held["definition"]["handle"]) == ("Alterations", "alterations")


def test_only_those_may_claim_for_whom_it_was_said(omneo_sandbox: OmneoSandbox) -> None:
    mia = omneo_sandbox.shopper("1001").may_claim("vip-lounge", name="VIP lounge")
    leo = omneo_sandbox.shopper("1002").may_claim("vip-lounge")
    ava = omneo_sandbox.shopper("1003")

    offered = [ask(omneo_sandbox, f"/profiles/{who.profile_id}/benefits/claimable") for who in (mia, leo, ava)]

    assert [[one["handle"] for one in each] for each in offered] == [["vip-lounge"], ["vip-lounge"], []]


def test_what_everybody_may_claim_stays_so(omneo_sandbox: OmneoSandbox) -> None:
    omneo_sandbox.definition("gift", is_claimable=True)
    omneo_sandbox.shopper("1001").may_claim("gift")
    leo = omneo_sandbox.shopper("1002")

    offered = ask(omneo_sandbox, f"/profiles/{leo.profile_id}/benefits/claimable")

    assert [one["handle"] for one in offered] == ["gift"]


def test_the_till_uses_a_benefit_up(omneo_sandbox: OmneoSandbox) -> None:
    mia = omneo_sandbox.shopper("1001").holds("gift", uses=2).uses_at_the_till("gift", count=2)

    assert [(row["type"], row["live"]) for row in omneo_sandbox.redemptions()] == [("redeem", 2)]
    assert [row["redemptions_remaining"] for row in omneo_sandbox.benefits_of("1001")] == [0]
    assert omneo_sandbox.events()[-1]["trigger"] == "benefit.redeemed"
    with pytest.raises(ValueError, match="No such benefit"):
        mia.uses_at_the_till("gift")


def test_transactions_are_there_to_assert_on(omneo_sandbox: OmneoSandbox) -> None:
    order = {"external_id": "100042", "total": 5, "transacted_at": "2026-01-01 10:00:00", "timezone": "UTC"}
    ask(omneo_sandbox, "/transactions", order | {"items": None})

    assert [row["external_id"] for row in omneo_sandbox.transactions()] == ["100042"]


def test_a_benefit_ends_when_the_clock_passes_it(omneo_sandbox: OmneoSandbox, omneo_clock: OmneoClock) -> None:
    omneo_clock.freeze(datetime(2026, 6, 15, 2, tzinfo=UTC))
    omneo_sandbox.shopper("1001").holds("gift", period=7)

    omneo_clock.move(days=7, hours=11, minutes=59, seconds=59)
    before = omneo_sandbox.benefits_of("1001")[0]["is_expired"]
    omneo_clock.move(seconds=1)

    assert (before, omneo_sandbox.benefits_of("1001")[0]["is_expired"]) == (False, True)


def test_the_clock_runs_again(omneo_clock: OmneoClock) -> None:
    frozen = omneo_clock.freeze("2031-01-01 11:00:00")

    assert frozen == omneo_clock.now == datetime(2031, 1, 1, tzinfo=UTC)
    assert omneo_clock.run() - frozen < timedelta(seconds=10)
    assert abs(omneo_clock.follow() - datetime.now(UTC)) < timedelta(seconds=10)


def test_mistakes_are_said_in_a_sentence(omneo_sandbox: OmneoSandbox, omneo_clock: OmneoClock) -> None:
    mia = omneo_sandbox.shopper("1001").holds("gift")

    with pytest.raises(ValueError, match="belong to a profile already"):
        omneo_sandbox.shopper("1001")
    with pytest.raises(ValueError, match="A profile has no shoe_size"):
        omneo_sandbox.shopper("1002", shoe_size=43)
    with pytest.raises(ValueError, match="gender must be a string"):
        omneo_sandbox.shopper("1002", gender=7)
    with pytest.raises(ValueError, match="'gift' is there already: leave out uses, period"):
        mia.holds("gift", uses=3, period=4)
    with pytest.raises(ValueError, match="This handle is taken"):
        omneo_sandbox.definition("gift")
    with pytest.raises(ValueError, match="period must be a whole number"):
        mia.holds("other", period="soon")
    with pytest.raises(ValueError, match="no shopper '7'"):
        omneo_sandbox.benefits_of("7")
    with pytest.raises(ValueError, match="needs its zone"):
        omneo_clock.freeze(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the mistake
