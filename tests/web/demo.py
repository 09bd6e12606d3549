"""A shopper with a bit of everything, for the browser tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from claimable_benefits.domain.eligibility import Fit, Misfit
from claimable_benefits.domain.policy import DiscountKind, Place, Policy
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.domain.states import DeliveryState, UseState
from claimable_benefits.service.account.history import Entry
from claimable_benefits.service.account.wallet_view import Wallet
from claimable_benefits.service.holds.offers import Offers
from claimable_benefits.service.orders.record import OrderRecord
from tests.web.page_data import (
    ACCOUNT,
    AT_ONCE,
    CHECKOUT,
    MELBOURNE,
    NOW,
    STORE,
    PageData,
    applied,
    cart,
    definition,
    held,
    offer,
)

FREE_SHIPPING = definition(
    "free-shipping",
    "Free Shipping",
    short_description="Standard delivery on us, on any order.",
    long_description="<p>Your next order travels free.</p><ul><li>Standard delivery</li><li>Within Australia</li></ul>",
    terms="<p>Not with express delivery. One per order.</p>",
    period=30,
    period_type="days",
    claim_until=datetime(2025, 6, 30, 13, 59, 59, tzinfo=UTC),
)
ALTERATIONS = definition(
    "alterations",
    "Complimentary Alterations",
    short_description="Hems, sleeves and waists, fitted to you.",
    terms="<p>Within 60 days of purchase.</p>",
    period=12,
    period_type="months",
)
TEN_OFF = definition(
    "ten-off",
    "10% off your next order",
    short_description="A small thank-you for your first year with us.",
    instructions_online="<p>Apply it at checkout; the discount shows before you pay.</p>",
    max_redemptions=3,
)
LOUNGE = definition(
    "lounge",
    "Lounge Visit",
    short_description="Coffee and quiet at our flagship lounge.",
    instructions_online="<p>Show the code at the door. Open <strong>Mon to Sat, 9 to 5</strong>. "
    'See <a href="https://shop.example/lounge">where it is</a>.</p>',
    long_description="<p>Bring a friend.</p>",
    terms="<p>One visit each.</p>",
)
BIRTHDAY = definition(
    "birthday",
    "Birthday Treat",
    short_description="A little something from the counter.",
    instructions_store="<p>Show this code at the till in any of our stores.</p>",
    code_store="BDAY-2025-7F3K",
)
PRIZE_DRAW = definition(
    "prize-draw",
    "Prize Draw Entry",
    short_description="Win a weekend by the sea for two.",
    earn_instructions="<p>For every member.</p>",
    instructions_online="<p>You are in the draw. Quote the code if you write to us about it.</p>",
    code_online="DRAW-LORNE",
    terms="<p>One entry a member.</p>",
    period=1,
    period_type="days",
)
MIA = Shopper("mia", "Mia", MELBOURNE, "en_AU")


def demo() -> PageData:
    data = PageData(shoppers={"mia": MIA, "new": Shopper("new", "Noor", MELBOURNE, "en_AU")}, cart=cart())
    ten = Policy("ten-off", DiscountKind.PERCENT, Decimal(10), CHECKOUT)
    data.policies = {
        "free-shipping": Policy("free-shipping", DiscountKind.SHIPPING, Decimal(0), CHECKOUT),
        "prize-draw": Policy("prize-draw", used_at=AT_ONCE),
    }
    data.wallets["mia"] = Wallet(
        True,
        claimable=(FREE_SHIPPING, ALTERATIONS, PRIZE_DRAW),
        usable=(
            held("b-birthday", BIRTHDAY, STORE, expires_at=datetime(2025, 6, 15, 13, 59, 59, tzinfo=UTC)),
            held("b-ten", TEN_OFF, policy=ten, remaining=2, expires_at=datetime(2025, 6, 16, 13, 59, 59, tzinfo=UTC)),
            held("b-lounge", LOUNGE, ACCOUNT, expires_at=datetime(2025, 8, 1, 13, 59, 59, tzinfo=UTC)),
            held("b-vip", definition("vip", "VIP Access"), frozenset({Place.ACCOUNT}), pending=True, remaining=None),
        ),
        past=(held("b-old", definition("old", "Winter Surprise"), expires_at=NOW - timedelta(days=40)).benefit,),
    )
    data.histories["mia"] = (
        Entry("Free Shipping", NOW - timedelta(days=2), "checkout", order_number="1001", redemption_id="159"),
        Entry("Lounge Visit", NOW - timedelta(days=9), "account", use_id="11111111-1111-4111-8111-111111111111"),
        Entry("Gift Wrapping", NOW - timedelta(days=20), "checkout", order_number="0987", is_returned=True),
        Entry("Birthday Treat", NOW - timedelta(days=364), "store"),
    )
    data.wallets["new"] = Wallet(True)
    data.offers["mia"] = Offers(
        applied=applied("b-ship", "Free Shipping", instructions="<p>We ship it free.</p>"),
        fitting=(
            offer("b-ten", "10% off", amount="9.00"),
            offer("b-wrap", "Gift Wrapping", elsewhere=True, amount="4"),
        ),
        unfitting=(
            offer("b-big", "20 off", Fit(Misfit.BELOW_MINIMUM, Decimal(12))),
            offer("b-birthday", "Birthday Treat", Fit(Misfit.STORE_ONLY)),
        ),
        pending=("Express Delivery",),
    )
    data.records["1001"] = OrderRecord(
        "1001",
        benefit_name="Free Shipping",
        redemption_id="159",
        use_state=UseState.CONSUMED,
        delivery_state=DeliveryState.DELIVERED,
        delivered_at=NOW,
        transaction_id="88421",
        code="SHIP-FREE",
        instructions="<p>Nothing else to do: we have taken it off.</p>",
    )
    return data
