"""What the pages are given: values to show, and canned answers of the service functions that change something.

A page is a function of what the service returns. These tests hand that in, with failures that no sandbox can make;
what the buttons really do is tested over the sandbox, in `test_over_the_sandbox.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from flask import Flask, redirect, render_template_string, session
from flask.typing import ResponseReturnValue

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.cache.rate_limiter import RateLimiter
from claimable_benefits.domain.benefits import Benefit, Definition
from claimable_benefits.domain.discounts import Discount
from claimable_benefits.domain.eligibility import Fit
from claimable_benefits.domain.policy import DiscountKind, Place, Policy
from claimable_benefits.domain.shop import Cart, Line, Shopper
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import BenefitsError
from claimable_benefits.ledger.shops import Shop
from claimable_benefits.ledger.uses import Use
from claimable_benefits.service.account.history import Entry, History
from claimable_benefits.service.account.wallet_view import Held, Wallet, WalletPreview
from claimable_benefits.service.claims.claim import Claimed
from claimable_benefits.service.context import Context
from claimable_benefits.service.holds.hold import Hold
from claimable_benefits.service.holds.offers import Applied, Offer, Offers, OffersPreview
from claimable_benefits.service.orders.record import OrderRecord
from claimable_benefits.service.redemption.redeem import Used
from claimable_benefits.settings import Settings, read_settings
from claimable_benefits.web.blueprint import make_blueprint
from claimable_benefits.web.services import Services

NOW = datetime(2025, 6, 15, 2, 0, tzinfo=UTC)  # noon in Melbourne
MELBOURNE = "Australia/Melbourne"
CHECKOUT, ACCOUNT, STORE, AT_ONCE = (
    frozenset({place}) for place in (Place.CHECKOUT, Place.ACCOUNT, Place.STORE, Place.CLAIM)
)


@dataclass
class PageData:
    """Values to show, by customer id, and answers by service function; ``calls`` lists what would change something."""

    shoppers: dict[str, Shopper] = field(default_factory=dict)
    wallets: dict[str, Wallet] = field(default_factory=dict)
    histories: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    offers: dict[str, Offers] = field(default_factory=dict)
    uses: dict[str, tuple[str, Use]] = field(default_factory=dict)
    records: dict[str, OrderRecord] = field(default_factory=dict)
    cart: Cart | None = None
    policies: dict[str, Policy] = field(default_factory=dict)
    now: datetime = NOW
    calls: list[tuple[str, ...]] = field(default_factory=list)
    is_whole: bool = True
    failing: dict[str, Exception] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)

    def services(self) -> Services:
        return Services(
            preview_wallet=lambda _, shopper, **_options: self._preview(shopper),
            remembered_history=self._history,
            preview_offers=lambda _, shopper, __, **_options: OffersPreview(
                partial(self._read, "read_offers", self.offers.get(shopper.customer_id, Offers()))
            ),
            read_record=lambda _, number: self._read("read_record", self.records.get(number)),
            claim=self._claim,
            claim_and_redeem=self._claim_and_redeem,
            hold=self._hold,
            release=self._release,
            use_from_account=self._use,
            find_use=self._find_use,
        )

    def _preview(self, shopper: Shopper) -> WalletPreview:
        found = self._read("preview_wallet", self.wallets.get(shopper.customer_id, Wallet(False)))
        return WalletPreview(lambda: found)

    def _history(self, _: Context, shopper: Shopper, *, ask: bool = False) -> History:
        found = History(self.histories.get(shopper.customer_id, ()), self.is_whole or ask)
        return cast(History, self._read("remembered_history", found))

    def fails(self, function: str, error: Exception) -> None:
        self.failing[function] = error

    def _read(self, function: str, value: Any) -> Any:
        if error := self.failing.get(function):
            raise error
        return value

    def _did(self, function: str, shopper: Shopper, *facts: str) -> None:
        self.calls.append((function, shopper.customer_id, *facts))
        self._read(function, None)

    def _claim(self, _: Context, shopper: Shopper, handle: str, claim_id: str) -> Claimed:
        self._did("claim", shopper, handle, claim_id)
        definition = self.wallets[shopper.customer_id].definition(handle)
        name = definition.name if definition else handle
        return cast(Claimed, self.answers.get("claim", Claimed(name, already=False, confirmed=True)))

    def _claim_and_redeem(self, _: Context, shopper: Shopper, handle: str, use_id: str) -> Used:
        self._did("claim_and_redeem", shopper, handle, use_id)
        kind = self.wallets[shopper.customer_id].definition(handle) or definition(handle, handle)
        benefit = Benefit(f"new-{handle}", kind, code_online=kind.code_online)
        return self._used(shopper, use(use_id, benefit, channel="claim"))

    def _hold(self, _: Context, shopper: Shopper, cart: Cart, benefit_id: str, *, move: bool = False) -> Hold:
        self._did("move" if move else "hold", shopper, cart.id, benefit_id)
        return cast(Hold, self.answers.get("hold", Hold(self._name(shopper, benefit_id), "a-use")))

    def _release(self, _: Context, shopper: Shopper, cart: Cart, benefit_id: str) -> str | None:
        self._did("release", shopper, cart.id, benefit_id)
        return cast("str | None", self.answers.get("release", self._name(shopper, benefit_id)))

    def _use(self, _: Context, shopper: Shopper, benefit_id: str, use_id: str) -> Used:
        self._did("use", shopper, benefit_id, use_id)
        found = self.wallets[shopper.customer_id].benefit(benefit_id)
        benefit = found.benefit if found else Benefit(benefit_id, definition(benefit_id, benefit_id))
        return self._used(shopper, use(use_id, benefit, state=self.answers.get("use", UseState.CONSUMED)))

    def _used(self, shopper: Shopper, made: Use) -> Used:
        """Answer with a use, and let its receipt be found."""
        self.uses[made.use_id] = (shopper.customer_id, made)
        return Used(made)

    def _find_use(self, _: Context, shopper: Shopper, use_id: str) -> Use | None:
        owner, found = self._read("find_use", self.uses.get(use_id, ("", None)))
        return found if owner == shopper.customer_id else None

    def _name(self, shopper: Shopper, benefit_id: str) -> str:
        offers = self.offers.get(shopper.customer_id, Offers())
        names = {offer.benefit.id: offer.benefit.name for offer in (*offers.fitting, *offers.unfitting)}
        if offers.applied:
            names[offers.applied.benefit_id] = offers.applied.name
        return names.get(benefit_id, benefit_id)


DEMO_SHOP = Shop(1, "0123456789abcdef", "https://api.demo.getomneo.com/api/v3")


@dataclass
class StubRuntime:
    """What the pages find in ``app.extensions``."""

    data: PageData
    settings: Settings
    shop: Shop = DEMO_SHOP
    clicks: RateLimiter = field(default_factory=RateLimiter)
    fragments: LruCache[Any] = field(default_factory=lambda: LruCache(entries=100, weight=1_000_000))

    @property
    def context(self) -> Context:
        policies = self.data.policies
        stub = SimpleNamespace(
            clock=lambda: self.data.now,
            policy=lambda name: policies.get(name, Policy(name)),
            wallets=SimpleNamespace(fragments=self.fragments),
            ledger=SimpleNamespace(shop=self.shop),
        )
        return cast(Context, stub)

    def load_shopper(self) -> Shopper | None:
        return self.data.shoppers.get(session.get("customer", ""))

    def load_cart(self) -> Cart | None:
        return self.data.cart

    def report_loader(self, error: BenefitsError) -> None:
        raise AssertionError(error)  # the loaders of these pages do not fail


def make_shop(
    data: PageData, config: Mapping[str, Any] | None = None, *, register: bool = True, **app_options: Any
) -> Flask:
    """A shop with the blueprint at its usual places, a checkout page, an order page and a way to sign in."""
    app = Flask("tests.web.shop", **app_options)
    app.config.update(SECRET_KEY="a key for tests", TESTING=True)
    ours = {
        "OMNEO_TENANT": "demo",
        "OMNEO_TOKEN": "token",
        "OMNEO_TIMEZONE": MELBOURNE,
        "BENEFITS_DATABASE_URL": "sqlite:////never-opened.sqlite3",
        "BENEFITS_LOGIN_URL": "/login",
        "BENEFITS_ORDER_URL": "/orders/{order_number}",
    } | {key: value for key, value in (config or {}).items() if key.startswith(("BENEFITS_", "OMNEO_"))}
    app.config.update(config or {})
    settings = read_settings(ours, instance_path=app.instance_path, root_path=app.root_path)
    app.extensions["claimable_benefits"] = StubRuntime(data, settings)
    if register:
        blueprint = make_blueprint(data.services())
        app.register_blueprint(blueprint, url_prefix="/account/benefits", checkout_prefix="/checkout/benefits")
    _add_shop_pages(app)
    return app


def _add_shop_pages(app: Flask) -> None:
    @app.get("/sign-in/<customer_id>")
    def sign_in(customer_id: str) -> ResponseReturnValue:
        session["customer"] = customer_id
        return redirect("/account/benefits")

    @app.route("/checkout", methods=["GET", "POST"])
    def checkout() -> ResponseReturnValue:
        return render_template_string(_PAGE.format(title="Checkout", region="{{ benefits_panel() }}"))

    @app.get("/orders/<number>")
    def order(number: str) -> ResponseReturnValue:
        return render_template_string(
            _PAGE.format(title="Your order", region="{{ benefits_record(number) }}"), number=number
        )


_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title></head>
<body><main><h1>{title}</h1>{region}</main></body></html>"""


def definition(handle: str, name: str, **values: Any) -> Definition:
    return Definition(id=f"d-{handle}", handle=handle, name=name, **values)


def held(benefit_id: str, kind: Definition, places: frozenset[Place] = CHECKOUT, **values: Any) -> Held:
    pending = values.pop("pending", False)
    policy = values.pop("policy", None) or Policy(kind.handle, used_at=places)
    values.setdefault("remaining", 1)
    return Held(Benefit(benefit_id, kind, **values), policy, pending)


def offer(benefit_id: str, name: str, fit: Fit | None = None, amount: str = "0", **values: Any) -> Offer:
    kind = definition(name.lower().replace(" ", "-"), name)
    policy = values.pop("policy", Policy(kind.handle, DiscountKind.AMOUNT, Decimal(5), CHECKOUT))
    discount = Discount((Decimal(amount),))
    return Offer(Benefit(benefit_id, kind, remaining=1), policy, discount, fit or Fit(), values.get("elsewhere", False))


def applied(benefit_id: str, name: str, amount: str = "9.95", **values: Any) -> Applied:
    facts: dict[str, Any] = {
        "use_id": f"use-of-{benefit_id}",
        "benefit_id": benefit_id,
        "handle": name.lower().replace(" ", "-"),
        "name": name,
        "discount": Discount((), Decimal(amount)),
        "fit": Fit(),
        "instructions": "",
        "code": None,
        "held_until": NOW + timedelta(minutes=30),
    }
    return Applied(**(facts | values))


def use(use_id: str, benefit: Benefit, **values: Any) -> Use:
    facts: dict[str, Any] = dict.fromkeys(each.name for each in fields(Use))
    facts |= {
        "use_id": use_id,
        "channel": "account",
        "customer_id": "mia",
        "benefit_id": benefit.id,
        "definition_handle": benefit.handle,
        "name": benefit.name,
        "code": benefit.code_online,
        "instructions": benefit.definition.instructions_online,
        "cart_id": f"account {use_id}",
        "state": UseState.CONSUMED,
        "redemption_id": "159",
        "redeemed_at": NOW,
        "updated_at": NOW,
    }
    return Use(**(facts | values))


def cart(*lines: Line, currency: str = "AUD") -> Cart:
    return Cart("cart-1", lines or (Line("shirt", "Linen shirt", 1, Decimal("89.99")),), currency, Decimal("9.95"))
