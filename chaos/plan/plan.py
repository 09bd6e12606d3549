"""Derive visits, kills and outages from a seed before anything starts.

The same seed gives the same plan. How threads and processes interleave differs from run to run.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from example_shop.customers.demo_shoppers import CROWD_FROM
from example_shop.payments import cards

T = TypeVar("T")


class Scenario(StrEnum):
    """How a shopper checks out."""

    PLAIN = "plain"
    DOUBLE_CLICK = "double click"  # the same POST twice at once
    TWO_TABS = "two tabs"  # a stale page and a fresh one are sent at once
    TWO_DEVICES = "two devices"  # the same benefit, moved from one cart to another, and both orders placed at once
    TILL = "till"  # the benefit is used up in the store between review and pay
    DISCONNECTS = "disconnects"  # the browser is closed while the order is being placed
    CANCELS = "cancels"  # the order is placed and then cancelled, with a double click
    RETURNS = "returns"  # one piece is returned, with a double click


class AccountAction(StrEnum):
    """What a shopper does on the account page before the checkout, with two clicks at once."""

    CLAIM = "claim"
    USE = "use"
    CLAIM_AND_USE = "claim and use"


class Approval(StrEnum):
    """What a shopper does on the provider's page, where a payment asks for it."""

    APPROVES = "approves"
    ABANDONS = "abandons"
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

    An ``account_action`` comes first; its two clicks are on one page, or on ``two_pages``, which are two buttons.
    """

    number: int
    customer: str | None
    scenario: Scenario
    purchase: Purchase
    cards: tuple[str, ...]
    approval: Approval
    timeout: float  # seconds until a shopper who disconnects closes the browser
    account_action: AccountAction | None = None
    two_pages: bool = False


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL to one process of a role, ``after`` seconds after checkout number ``at`` began."""

    at: int
    role: str
    which: int
    after: float


@dataclass(frozen=True, slots=True)
class Outage:
    """From checkout number ``at`` on every call to Omneo fails in one way, for so many seconds."""

    at: int
    kind: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Amnesia:
    """The ledger is copied when checkout ``copied_at`` starts, and put back before checkout ``restored_at`` starts."""

    copied_at: int
    restored_at: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run."""

    seed: int
    shoppers: int
    visits: tuple[Visit, ...]
    kills: tuple[Kill, ...]
    outages: tuple[Outage, ...]
    tenant: Mapping[str, str]
    amnesia: Amnesia | None = None


# What is not known of Omneo and decides what a lost answer leaves behind: values of the sandbox's switches.
_UNSURE = {
    "external_id_filter": ("honoured", "ignored"),
    "rollback_rows": ("listed", "hidden"),
    "return_after_reversal": ("refuse", "take"),
}
TENANTS: dict[str, Mapping[str, str]] = {
    "usual": {name: values[0] for name, values in _UNSURE.items()},
    "worst": {name: values[-1] for name, values in _UNSURE.items()},
}
# What a shopper holds: by the handle of the shop's policy, and how often it may be used.
BENEFITS = {
    "free-shipping": 3,
    "thank-you-10": 2,
    "first-spend": 2,
    "birthday-gift": 1,
    "welcome-gift": 1,
    "summer-scarf": 1,
}
# What is used on the account page; and what may be claimed there, any number of times.
ACCOUNT_BENEFITS = {"vip-lounge": 4}
CLAIMABLE = {AccountAction.CLAIM: "launch-party", AccountAction.CLAIM_AND_USE: "prize-draw"}
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
_SCENARIOS = (
    (Scenario.PLAIN, 37),
    (Scenario.DOUBLE_CLICK, 16),
    (Scenario.TWO_TABS, 8),
    (Scenario.TWO_DEVICES, 9),
    (Scenario.TILL, 9),
    (Scenario.DISCONNECTS, 9),
    (Scenario.CANCELS, 7),
    (Scenario.RETURNS, 5),
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
_APPROVALS = ((Approval.APPROVES, 75), (Approval.ABANDONS, 15), (Approval.DECLINES, 10))
_ACCOUNT_ACTIONS = ((None, 60), (AccountAction.CLAIM, 15), (AccountAction.USE, 15), (AccountAction.CLAIM_AND_USE, 10))
_GUESTS = 0.05
_CHECKOUTS_PER_SHOPPER = 4


def make_plan(
    seed: int,
    checkouts: int,
    *,
    kills: int,
    outages: tuple[tuple[float, str, float], ...],
    tenant: str | None = None,
    amnesia: bool = False,
) -> Plan:
    """Make the plan of a seed; ``outages`` are (share of the checkouts, kind, seconds).

    ``tenant`` is a name in `TENANTS`; the seed draws one where it is None. ``amnesia``: the ledger is put back once.
    """
    chance = random.Random(seed)  # noqa: S311 - a plan that can be repeated, not a secret
    shoppers = max(3, checkouts // _CHECKOUTS_PER_SHOPPER)
    return Plan(
        seed=seed,
        shoppers=shoppers,
        visits=tuple(_visit(chance, number, shoppers) for number in range(checkouts)),
        kills=_kills(chance, checkouts, kills),
        outages=tuple(Outage(int(share * checkouts), kind, seconds) for share, kind, seconds in outages),
        tenant=TENANTS[tenant] if tenant else _draw_tenant(seed),
        amnesia=_draw_amnesia(seed, checkouts) if amnesia else None,
    )


def _draw_tenant(seed: int) -> Mapping[str, str]:
    chance = random.Random(f"tenant {seed}")  # noqa: S311 - a plan that can be repeated, not a secret
    return {name: chance.choice(values) for name, values in _UNSURE.items()}


def _draw_amnesia(seed: int, checkouts: int) -> Amnesia:
    chance = random.Random(f"amnesia {seed}")  # noqa: S311 - a plan that can be repeated, not a secret
    restored_at = int(checkouts * chance.uniform(0.5, 0.7))
    return Amnesia(max(0, restored_at - max(3, checkouts // 8)), restored_at)


# The roles that are killed, in turn; a run without such a process skips the kill.
VICTIMS = (
    *("gunicorn worker", "delivery", "gunicorn worker", "celery"),
    *("gunicorn worker", "delivery", "whole shop", "gunicorn worker", "delivery", "celery", "background jobs"),
)


def _kills(chance: random.Random, checkouts: int, number: int) -> tuple[Kill, ...]:
    moments = sorted(chance.randrange(checkouts) for _ in range(number))
    return tuple(
        Kill(at, VICTIMS[turn % len(VICTIMS)], chance.randrange(100), chance.uniform(0, 1.5))
        for turn, at in enumerate(moments)
    )


def _visit(chance: random.Random, number: int, shoppers: int) -> Visit:
    is_guest = chance.random() < _GUESTS
    scenario, purchase = _pick(chance, _SCENARIOS), _pick(chance, _PURCHASES)
    return Visit(
        number=number,
        customer=None if is_guest else str(CROWD_FROM + chance.randrange(shoppers)),
        scenario=Scenario.PLAIN if is_guest and scenario in (Scenario.TWO_DEVICES, Scenario.TILL) else scenario,
        purchase=purchase,
        cards=_pick(chance, _CARDS),
        approval=_pick(chance, _APPROVALS),
        timeout=chance.uniform(0.02, 1.2),
        account_action=None if is_guest else _pick(chance, _ACCOUNT_ACTIONS),
        two_pages=chance.random() < 0.3,
    )


def _pick(chance: random.Random, weighted: Sequence[tuple[T, int]]) -> T:
    return chance.choices([each for each, _ in weighted], [weight for _, weight in weighted])[0]
