"""Who does what, what goes wrong and who is killed when: all of it from a seed, before anything starts.

The plan repeats with its seed. What does not repeat is how the threads and processes of a run interleave.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from example_shop.customers.demo_shoppers import CROWD_FROM
from example_shop.payments import cards

T = TypeVar("T")


class Story(StrEnum):
    """How a shopper goes about it."""

    PLAIN = "plain"
    DOUBLE_CLICK = "double click"  # the same POST twice at once
    TWO_TABS = "two tabs"  # a stale page and a fresh one are sent at once
    TWO_DEVICES = "two devices"  # the same benefit, moved from one cart to another, and both orders placed at once
    TILL = "till"  # the benefit is used up in the store between review and pay
    LEAVES = "leaves"  # the browser is closed while the order is being placed
    CANCELS = "cancels"  # the order is placed and then cancelled, with a double click
    RETURNS = "returns"  # one piece comes back, with a double click


class Errand(StrEnum):
    """What a shopper does on the account page before the checkout, with two clicks at once."""

    CLAIM = "claim"
    USE = "use"
    CLAIM_AND_USE = "claim and use"


class Approval(StrEnum):
    """What a shopper does on the provider's page, where a payment asks for it."""

    COMES_BACK = "comes back"
    NEVER_COMES_BACK = "never comes back"
    DECLINES = "declines"


@dataclass(frozen=True, slots=True)
class Purchase:
    """What goes into a cart, and the benefit that fits it: a handle, or None."""

    skus: tuple[str, ...]
    benefit: str | None
    shipping: str = "standard"


@dataclass(frozen=True, slots=True)
class Visit:
    """One checkout: of a customer, or of a guest (None). ``cards`` are tried one after the other.

    An ``errand`` comes first; its two clicks are on one page, or on ``two_pages``, which are two buttons.
    """

    number: int
    customer: str | None
    story: Story
    purchase: Purchase
    cards: tuple[str, ...]
    approval: Approval
    wait_budget: float  # seconds until somebody who leaves closes the browser
    errand: Errand | None = None
    two_pages: bool = False


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL to one process of a role, ``after`` seconds after checkout number ``at`` began."""

    at: int
    role: str
    which: int
    after: float


@dataclass(frozen=True, slots=True)
class Spell:
    """From checkout number ``at`` on everything at Omneo fails in one way, for so many seconds."""

    at: int
    kind: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run."""

    seed: int
    shoppers: int
    visits: tuple[Visit, ...]
    kills: tuple[Kill, ...]
    spells: tuple[Spell, ...]


# What a shopper holds: by the handle of the shop's policy, and how often it may be used.
BENEFITS = {
    "free-shipping": 3,
    "thank-you-10": 2,
    "first-spend": 2,
    "birthday-gift": 1,
    "welcome-gift": 1,
    "summer-scarf": 1,
}
# What is used on the account page; and what may be claimed there, as often as anybody likes.
ON_THE_ACCOUNT = {"vip-lounge": 4}
CLAIMABLE = {Errand.CLAIM: "launch-party", Errand.CLAIM_AND_USE: "prize-draw"}
_PURCHASES = (
    (Purchase(("harbour-linen-shirt",), "first-spend"), 3),
    (Purchase(("rockpool-bowl", "tideline-mug"), "thank-you-10"), 4),
    (Purchase(("tideline-mug",), "free-shipping"), 5),
    (Purchase(("winter-scarf",), "free-shipping", "express"), 2),
    (Purchase(("fennel-cardigan", "fig-smoke-candle"), "birthday-gift"), 2),
    (Purchase(("three-pillars",), "welcome-gift", "pickup"), 3),  # nothing is left to pay
    (Purchase(("winter-scarf", "summer-scarf"), "summer-scarf"), 2),
    (Purchase(("gift-card", "rockpool-bowl"), None), 2),
)
_STORIES = (
    (Story.PLAIN, 37),
    (Story.DOUBLE_CLICK, 16),
    (Story.TWO_TABS, 8),
    (Story.TWO_DEVICES, 9),
    (Story.TILL, 9),
    (Story.LEAVES, 9),
    (Story.CANCELS, 7),
    (Story.RETURNS, 5),
)
_CARDS = (
    ((cards.APPROVED,), 56),
    ((cards.DECLINED, cards.APPROVED), 9),
    ((cards.CAPTURE_DECLINED, cards.APPROVED), 9),
    ((cards.LATE_AUTHORISE, cards.APPROVED), 4),
    ((cards.LATE_CAPTURE, cards.APPROVED), 6),
    ((cards.REDIRECT, cards.APPROVED), 12),
    ((cards.REDIRECT_THEN_DECLINED, cards.APPROVED), 4),
)
_APPROVALS = ((Approval.COMES_BACK, 75), (Approval.NEVER_COMES_BACK, 15), (Approval.DECLINES, 10))
_ERRANDS = ((None, 60), (Errand.CLAIM, 15), (Errand.USE, 15), (Errand.CLAIM_AND_USE, 10))
_GUESTS = 0.05
_CHECKOUTS_PER_SHOPPER = 4


def make_plan(seed: int, checkouts: int, *, kills: int, spells: tuple[tuple[float, str, float], ...]) -> Plan:
    """The run of a seed; ``spells`` are (share of the checkouts, kind, seconds)."""
    chance = random.Random(seed)  # noqa: S311 - a plan that can be repeated, not a secret
    shoppers = max(3, checkouts // _CHECKOUTS_PER_SHOPPER)
    return Plan(
        seed=seed,
        shoppers=shoppers,
        visits=tuple(_visit(chance, number, shoppers) for number in range(checkouts)),
        kills=_kills(chance, checkouts, kills),
        spells=tuple(Spell(int(share * checkouts), kind, seconds) for share, kind, seconds in spells),
    )


# Who is killed, in turn; a run without one of them skips it.
VICTIMS = (
    *("gunicorn worker", "delivery", "gunicorn worker", "celery"),
    *("gunicorn worker", "delivery", "whole shop", "gunicorn worker", "delivery", "celery", "housekeeper"),
)


def _kills(chance: random.Random, checkouts: int, number: int) -> tuple[Kill, ...]:
    moments = sorted(chance.randrange(checkouts) for _ in range(number))
    return tuple(
        Kill(at, VICTIMS[turn % len(VICTIMS)], chance.randrange(100), chance.uniform(0, 1.5))
        for turn, at in enumerate(moments)
    )


def _visit(chance: random.Random, number: int, shoppers: int) -> Visit:
    is_guest = chance.random() < _GUESTS
    story, purchase = _pick(chance, _STORIES), _pick(chance, _PURCHASES)
    return Visit(
        number=number,
        customer=None if is_guest else str(CROWD_FROM + chance.randrange(shoppers)),
        story=Story.PLAIN if is_guest and story in (Story.TWO_DEVICES, Story.TILL) else story,
        purchase=purchase,
        cards=_pick(chance, _CARDS),
        approval=_pick(chance, _APPROVALS),
        wait_budget=chance.uniform(0.02, 1.2),
        errand=None if is_guest else _pick(chance, _ERRANDS),
        two_pages=chance.random() < 0.3,
    )


def _pick(chance: random.Random, weighted: Sequence[tuple[T, int]]) -> T:
    return chance.choices([each for each, _ in weighted], [weight for _, weight in weighted])[0]
