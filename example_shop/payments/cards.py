"""The test cards, and what happens with each of them."""

from __future__ import annotations

APPROVED = "4242424242424242"
DECLINED = "4000000000000002"
CAPTURE_DECLINED = "4000000000000341"
LATE_AUTHORISE = "4000000000000259"
LATE_CAPTURE = "4000000000000267"
LATE_REFUND = "4000000000005209"
REFUND_DECLINED = "4000000000005126"
REDIRECT = "4000000000003220"
REDIRECT_THEN_DECLINED = "4000008400001629"

TEST_CARDS = (
    (APPROVED, "is approved"),
    (DECLINED, "is declined"),
    (CAPTURE_DECLINED, "is approved, and declined when the money should move"),
    (LATE_AUTHORISE, "is answered too late; nothing is charged"),
    (LATE_CAPTURE, "is charged, but the answer comes too late"),
    (LATE_REFUND, "is charged; a refund is made, but its answer comes too late"),
    (REFUND_DECLINED, "is charged, and its bank takes no refund"),
    (REDIRECT, "needs your approval on another page"),
    (REDIRECT_THEN_DECLINED, "needs your approval too, and is declined when the money should move"),
)


def spaced(card: str) -> str:
    """Format a card number as ``4242 4242 4242 4242``."""
    return " ".join(card[start : start + 4] for start in range(0, len(card), 4))


def is_plausible(card: str) -> bool:
    """Whether it has 12 to 19 digits, and the last one is the right check digit (Luhn)."""
    if not (card.isascii() and card.isdigit() and 12 <= len(card) <= 19):
        return False
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(card))]
    return sum(number // 10 + number % 10 for number in doubled) % 10 == 0
