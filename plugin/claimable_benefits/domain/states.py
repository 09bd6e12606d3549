"""The states of a use, a claim and a delivery, and the only ways from one to another.

The table is the single source: the ledger refuses a movement that does not stand here.
"""

from __future__ import annotations

from enum import StrEnum


class UseState(StrEnum):
    """Where one use of one benefit stands. One row per attempt: a settled attempt is never sent again."""

    HELD = "held"  # reserved for a cart, in the shop only
    REDEEMING = "redeeming"  # the intention is committed; the request is on its way
    IN_DOUBT = "in_doubt"  # sent, no answer: it may or may not have happened
    REDEEMED = "redeemed"  # Omneo says yes; the order is not placed yet
    CONSUMED = "consumed"  # the order is placed, or the account use is done
    UNDOING = "undoing"  # a reversal or return is due or on its way
    UNDONE = "undone"
    RELEASED = "released"  # dropped before Omneo heard of it, or settled as never applied
    REFUSED = "refused"  # Omneo said no
    NEEDS_A_PERSON = "needs_a_person"


class ClaimState(StrEnum):
    """Where one claim stands."""

    CLAIMING = "claiming"
    IN_DOUBT = "in_doubt"
    CLAIMED = "claimed"
    REFUSED = "refused"
    ABANDONED = "abandoned"  # settled as never applied


class DeliveryState(StrEnum):
    """Where one order's transaction stands on its way to Omneo."""

    DUE = "due"
    DELIVERING = "delivering"
    DELIVERED = "delivered"
    STOPPED = "stopped"  # Omneo refused it; a person resumes it


USE_MOVES: dict[UseState, frozenset[UseState]] = {
    UseState.HELD: frozenset({UseState.REDEEMING, UseState.RELEASED}),
    UseState.REDEEMING: frozenset(
        {
            UseState.REDEEMED,
            UseState.CONSUMED,
            UseState.REFUSED,
            UseState.IN_DOUBT,
            UseState.HELD,
            UseState.RELEASED,
        }
    ),
    UseState.IN_DOUBT: frozenset(
        {UseState.REDEEMED, UseState.CONSUMED, UseState.RELEASED, UseState.NEEDS_A_PERSON, UseState.UNDOING}
    ),
    UseState.REDEEMED: frozenset({UseState.CONSUMED, UseState.UNDOING}),
    UseState.CONSUMED: frozenset({UseState.UNDOING}),  # cancelled or refunded
    UseState.UNDOING: frozenset({UseState.UNDONE, UseState.NEEDS_A_PERSON}),
    UseState.UNDONE: frozenset(),
    UseState.RELEASED: frozenset({UseState.UNDOING}),  # a late look-up found it after all
    UseState.REFUSED: frozenset(),
    UseState.NEEDS_A_PERSON: frozenset({UseState.UNDOING, UseState.CONSUMED, UseState.RELEASED, UseState.UNDONE}),
}

CLAIM_MOVES: dict[ClaimState, frozenset[ClaimState]] = {
    ClaimState.CLAIMING: frozenset({ClaimState.CLAIMED, ClaimState.REFUSED, ClaimState.IN_DOUBT, ClaimState.ABANDONED}),
    ClaimState.IN_DOUBT: frozenset({ClaimState.CLAIMED, ClaimState.ABANDONED}),
    ClaimState.CLAIMED: frozenset(),
    ClaimState.REFUSED: frozenset(),
    ClaimState.ABANDONED: frozenset({ClaimState.CLAIMED}),  # a late look-up found it after all
}

# A use in one of these states occupies its slot of the benefit: the ledger keeps them unique.
LIVE_USES = (UseState.HELD, UseState.REDEEMING, UseState.IN_DOUBT, UseState.REDEEMED)
# Not yet counted in what Omneo says is left, so each takes one of the remaining uses.
UNCOUNTED_USES = (UseState.HELD, UseState.REDEEMING, UseState.IN_DOUBT)
LIVE_CLAIMS = (ClaimState.CLAIMING, ClaimState.IN_DOUBT)
