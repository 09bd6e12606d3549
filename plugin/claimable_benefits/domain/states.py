"""The states of a use, a claim and a delivery, and the allowed moves between them.

These tables are the single source: the ledger refuses any other move.
"""

from __future__ import annotations

from enum import StrEnum


class UseState(StrEnum):
    """The state of one use of one benefit. One row per attempt: a resolved attempt is never sent again."""

    HELD = "held"  # reserved for a cart, in the shop only
    REDEEMING = "redeeming"  # the intent is committed; the request is on its way
    IN_DOUBT = "in_doubt"  # sent, no answer: it may or may not have happened
    REDEEMED = "redeemed"  # Omneo says yes; the order is not placed yet
    CONSUMED = "consumed"  # the order is placed, or the account use is done
    ROLLING_BACK = "rolling_back"  # a reversal or return is due or on its way
    ROLLED_BACK = "rolled_back"
    RELEASED = "released"  # dropped before anything was sent, or resolved as never applied
    REFUSED = "refused"  # Omneo said no
    MANUAL_REVIEW = "manual_review"  # only a person can decide


class ClaimState(StrEnum):
    """The state of one claim."""

    CLAIMING = "claiming"
    IN_DOUBT = "in_doubt"
    CLAIMED = "claimed"
    REFUSED = "refused"
    ABANDONED = "abandoned"  # resolved as never applied


class DeliveryState(StrEnum):
    """The state of the delivery of one order's transaction."""

    DUE = "due"
    DELIVERING = "delivering"
    DELIVERED = "delivered"
    STOPPED = "stopped"  # Omneo refused it; staff resumes it


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
            UseState.REFUSED,  # the answer came late
            UseState.RELEASED,
            UseState.ROLLING_BACK,
            UseState.MANUAL_REVIEW,
        }
    ),
    UseState.REDEEMED: frozenset({UseState.CONSUMED, UseState.ROLLING_BACK, UseState.MANUAL_REVIEW}),
    UseState.CONSUMED: frozenset({UseState.ROLLING_BACK}),  # cancelled or refunded
    UseState.ROLLING_BACK: frozenset({UseState.ROLLED_BACK, UseState.MANUAL_REVIEW}),
    UseState.ROLLED_BACK: frozenset(),
    # The sweep found it at Omneo: with our reference it is rolled back, else it goes to manual review.
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
    ClaimState.ABANDONED: frozenset({ClaimState.CLAIMED}),  # the sweep found it
}

DELIVERY_MOVES: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.DUE: frozenset({DeliveryState.DELIVERING}),
    DeliveryState.DELIVERING: frozenset({DeliveryState.DELIVERED, DeliveryState.DUE, DeliveryState.STOPPED}),
    DeliveryState.DELIVERED: frozenset(
        {DeliveryState.DUE, DeliveryState.STOPPED}
    ),  # changed since, or Omneo did not keep it
    DeliveryState.STOPPED: frozenset({DeliveryState.DUE}),
}

# A use in one of these states occupies its slot of the benefit: the ledger keeps them unique.
LIVE_USES = (UseState.HELD, UseState.REDEEMING, UseState.IN_DOUBT, UseState.REDEEMED)
# Sent, and without an answer that is recorded.
UNANSWERED_USES = (UseState.REDEEMING, UseState.IN_DOUBT)
# Not yet counted in what Omneo says is left, so each takes one of the remaining uses.
UNCOUNTED_USES = (UseState.HELD, UseState.REDEEMING, UseState.IN_DOUBT)
LIVE_CLAIMS = (ClaimState.CLAIMING, ClaimState.IN_DOUBT)
