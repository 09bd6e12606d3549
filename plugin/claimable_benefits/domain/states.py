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
    ROLLING_BACK = "rolling_back"  # a reversal or return is due or on its way
    ROLLED_BACK = "rolled_back"
    RELEASED = "released"  # dropped before Omneo heard of it, or settled as never applied
    REFUSED = "refused"  # Omneo said no
    MANUAL_REVIEW = "manual_review"


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
            UseState.HELD,  # nothing was sent
            UseState.RELEASED,
        }
    ),
    UseState.IN_DOUBT: frozenset(
        {
            UseState.REDEEMED,
            UseState.CONSUMED,
            UseState.REFUSED,  # the answer came after all, and late
            UseState.RELEASED,
            UseState.ROLLING_BACK,
            UseState.MANUAL_REVIEW,
        }
    ),
    UseState.REDEEMED: frozenset({UseState.CONSUMED, UseState.ROLLING_BACK, UseState.MANUAL_REVIEW}),
    UseState.CONSUMED: frozenset({UseState.ROLLING_BACK}),  # cancelled or refunded
    UseState.ROLLING_BACK: frozenset({UseState.ROLLED_BACK, UseState.MANUAL_REVIEW}),
    UseState.ROLLED_BACK: frozenset(),
    # A late look found it after all: at Omneo where it bears our reference, else only perhaps.
    UseState.RELEASED: frozenset({UseState.ROLLING_BACK, UseState.MANUAL_REVIEW}),
    UseState.REFUSED: frozenset({UseState.ROLLING_BACK}),
    UseState.MANUAL_REVIEW: frozenset(
        {UseState.ROLLING_BACK, UseState.CONSUMED, UseState.RELEASED, UseState.ROLLED_BACK}
    ),
}

CLAIM_MOVES: dict[ClaimState, frozenset[ClaimState]] = {
    ClaimState.CLAIMING: frozenset({ClaimState.CLAIMED, ClaimState.REFUSED, ClaimState.IN_DOUBT, ClaimState.ABANDONED}),
    ClaimState.IN_DOUBT: frozenset({ClaimState.CLAIMED, ClaimState.REFUSED, ClaimState.ABANDONED}),
    ClaimState.CLAIMED: frozenset(),
    ClaimState.REFUSED: frozenset(),
    ClaimState.ABANDONED: frozenset({ClaimState.CLAIMED}),  # a late look found it after all
}

DELIVERY_MOVES: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.DUE: frozenset({DeliveryState.DELIVERING}),
    DeliveryState.DELIVERING: frozenset({DeliveryState.DELIVERED, DeliveryState.DUE, DeliveryState.STOPPED}),
    DeliveryState.DELIVERED: frozenset({DeliveryState.DUE, DeliveryState.STOPPED}),  # changed since, or not kept
    DeliveryState.STOPPED: frozenset({DeliveryState.DUE}),
}

# A use in one of these states occupies its slot of the benefit: the ledger keeps them unique.
LIVE_USES = (UseState.HELD, UseState.REDEEMING, UseState.IN_DOUBT, UseState.REDEEMED)
# Sent, and without an answer that is recorded.
UNANSWERED_USES = (UseState.REDEEMING, UseState.IN_DOUBT)
# Not yet counted in what Omneo says is left, so each takes one of the remaining uses.
UNCOUNTED_USES = (UseState.HELD, UseState.REDEEMING, UseState.IN_DOUBT)
LIVE_CLAIMS = (ClaimState.CLAIMING, ClaimState.IN_DOUBT)
