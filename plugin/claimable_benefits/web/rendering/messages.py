"""Sentences with something in them: a name, an amount, a time. A fixed sentence stands in its template, in a block."""

from __future__ import annotations

from claimable_benefits.domain.benefits import Benefit, Definition
from claimable_benefits.domain.discounts import Discount
from claimable_benefits.domain.eligibility import Fit, Misfit
from claimable_benefits.domain.policy import DiscountKind, Policy
from claimable_benefits.domain.states import DeliveryState, UseState
from claimable_benefits.errors import BenefitsError, ConflictError, Declined, OutcomeUnknown
from claimable_benefits.service.claims.claim import Claimed
from claimable_benefits.service.holds.hold import Hold
from claimable_benefits.service.orders.record import OrderRecord
from claimable_benefits.web.rendering.formatting import Formatter
from claimable_benefits.web.rendering.sanitize import name_of, plain

CONFIRMING = (
    "We are confirming this with the loyalty programme. Look again in a minute; there is no need to do it twice."
)
UNREACHABLE = "We cannot reach the loyalty programme right now, so nothing was changed. Please try again in a minute."
CONFLICT = "Something else changed this at the same moment. Please look again before you repeat it."
CLAIMED_AND_USED = "It is used as soon as you claim it, and cannot be kept for later."
NOT_ONLINE = "You cannot use it online in this shop."
NO_CART = "Your cart is empty, so there is nothing to use a benefit on."
PANEL_DOWN = "Your benefits cannot be shown right now. You can check out as usual."
RECORD_DOWN = "The loyalty record of this order cannot be shown right now."

_MISFITS = {
    Misfit.STORE_ONLY: "You use it in our stores.",
    Misfit.NOT_ONLINE: "You cannot use it in this checkout.",
    Misfit.ACCOUNT_ONLY: "You use it from your benefits page.",
    Misfit.EMPTY_CART: "Add something to your cart to use it.",
    Misfit.NO_MATCHING_ITEM: "Nothing in your cart qualifies for it.",
    Misfit.SHIPPING_IS_FREE: "Your shipping is free already.",
    Misfit.NOTHING_TO_TAKE_OFF: "There is nothing in your cart for it to take off.",
}
_USE_STATES = {
    UseState.HELD: "reserved",
    UseState.REDEEMING: "being confirmed",
    UseState.IN_DOUBT: "being confirmed",
    UseState.REDEEMED: "used",
    UseState.CONSUMED: "used",
    UseState.ROLLING_BACK: "being given back",
    UseState.ROLLED_BACK: "given back",
    UseState.RELEASED: "not used",
    UseState.REFUSED: "not used",
    UseState.MANUAL_REVIEW: "being looked into",
}


def of_error(error: BenefitsError) -> str:
    """What went wrong, for the shopper. Omneo's own message is for the log."""
    match error:
        case Declined():
            return plain(error.shopper_message)  # it may hold a name as Omneo has it
        case OutcomeUnknown():
            return CONFIRMING
        case ConflictError():
            return CONFLICT
        case _:
            return UNREACHABLE


def claimed(outcome: Claimed) -> str:
    name = name_of(outcome.name, "")
    if not outcome.confirmed:
        return f"We are confirming {name} with the loyalty programme. Look again in a minute."
    return f"You already have {name}. Nothing changed." if outcome.already else f"{name} is yours."


def held(outcome: Hold) -> str:
    name = name_of(outcome.name, "")
    if outcome.already:
        return f"{name} is applied already. Nothing changed."
    if outcome.replaced:
        return f"{name} is applied in place of {name_of(outcome.replaced, '')}, which is still yours."
    return f"{name} is applied."


def released(name: str | None) -> str:
    if name is None:
        return "This benefit was not applied any more. Nothing changed."
    return f"{name_of(name, '')} is removed. It is still yours."


def as_of(age: float) -> str:
    """How old what is shown is; empty where it is fresh."""
    if age <= 0:
        return ""
    minutes = int(age // 60)
    if minutes < 1:
        return "As of a moment ago."
    if minutes < 60:
        return f"As of {minutes} minute{'s' if minutes != 1 else ''} ago."
    hours = minutes // 60
    return f"As of {hours} hour{'s' if hours != 1 else ''} ago."


def misfit(fit: Fit, currency: str, formatter: Formatter) -> str:
    """Why a benefit does not fit, and what would help; empty where it fits."""
    if fit.misfit is Misfit.BELOW_MINIMUM:
        return f"Spend {formatter.money(fit.missing, currency)} more to use it."
    if fit.misfit is Misfit.OTHER_CURRENCY:
        return f"It cannot be used for prices in {currency}."
    return _MISFITS[fit.misfit] if fit.misfit else ""


def worth(policy: Policy, discount: Discount, currency: str, formatter: Formatter) -> str:
    """What applying a benefit would take off."""
    if discount.amount:
        return f"Takes {formatter.money(discount.amount, currency)} off."
    if policy.discount is DiscountKind.SHIPPING:
        return "Takes the cost of shipping off, once it is chosen."
    return "Comes with your order; the total stays as it is."


def effect(policy: Policy, discount: Discount, currency: str, formatter: Formatter) -> str:
    """What an applied benefit does to the total, short enough for a column of amounts."""
    if discount.amount:
        return formatter.off(discount.amount, currency)
    return "Once shipping is chosen" if policy.discount is DiscountKind.SHIPPING else "Included"


def at_checkout(policy: Policy, formatter: Formatter) -> str:
    """What a checkout benefit does. An amount needs a currency, so it is shown with the cart."""
    on = "the items it is for" if policy.fits else "your order"
    does = {
        DiscountKind.PERCENT: f"It takes {formatter.percent(policy.size)} off {on}.",
        DiscountKind.AMOUNT: f"It takes an amount off {on}.",
        DiscountKind.SHIPPING: "It takes off the cost of shipping.",
        DiscountKind.FREE_ITEM: "It makes one item free.",
        DiscountKind.NONE: "It comes with your order.",
    }[policy.discount]
    minimum = " A minimum spend applies." if policy.minimum else ""
    return f"Apply it at checkout. {does}{minimum}"


def from_account(benefit: Benefit) -> str:
    """What one click on a button does, shown beside the button."""
    if benefit.remaining is None:
        return "It takes effect at once."
    if benefit.remaining > 1:
        return f"It takes effect at once and takes one of your {benefit.remaining} uses."
    return "It takes effect at once and uses the benefit up."


def uses_left(benefit: Benefit) -> str:
    """How often it can still be used; empty for what is used once."""
    most, left = benefit.definition.max_redemptions, benefit.remaining
    if left is None:
        return "No limit on uses"
    if most is not None and most > 1:
        return f"{left} of {max(most, left)} uses left"
    return f"{left} uses left" if left > 1 else ""


def validity(definition: Definition) -> str:
    """For how long a benefit is good once claimed; empty where Omneo does not formatter."""
    units = {"days": "day", "weeks": "week", "months": "month", "years": "year"}
    unit = units.get(definition.period_type or "")
    if not unit or not definition.period or definition.period < 1:
        return ""
    return f"Good for {definition.period} {unit}{'s' if definition.period != 1 else ''} once it is yours"


def use_state(state: UseState | None) -> str:
    return _USE_STATES[state] if state else ""


def redemption(record: OrderRecord) -> str:
    if record.redemption_id:
        return record.redemption_id
    if record.use_state in (UseState.REDEEMING, UseState.IN_DOUBT):
        return "Being confirmed"
    return "None"


def delivered(record: OrderRecord, formatter: Formatter) -> str:
    """The state of the delivery of the order's transaction."""
    if record.delivered or record.delivery_state is DeliveryState.DELIVERED:
        when = f" on {formatter.moment(record.delivered_at).text}" if record.delivered_at else ""
        return f"Recorded {'as cancelled ' if record.is_void else ''}with the loyalty programme{when}"
    if record.delivery_state is DeliveryState.STOPPED:
        return f"Stopped: {plain(record.problem) or 'somebody has to look at it.'}"
    return "Waiting to be sent" if record.delivery_state else "Not sent: the order is not complete"
