"""Shoppers, tills, a worker, faults, crashes and clocks in any order, at any tenant that may exist."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.domain.states import LIVE_USES, UNCOUNTED_USES
from claimable_benefits.errors import BenefitsError
from claimable_benefits.ledger.tables import uses
from claimable_benefits.sandbox.state.switches import SWITCHES
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.claims.claim import claim
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.holds.release import release
from claimable_benefits.service.redemption.redeem import use_from_account
from claimable_benefits.service.worker.turn import run_once
from tests.model.shop import Crash, ModelShop
from tests.service.conftest import AWKWARD, LEO, MIA, open_harness

FAULTS = (
    "dropped",
    "applied then dropped",
    "delayed",
    "503",
    "503 although applied",
    "429",
    "401",
    "garbage",
    "{}",
    "refused",
)
CALLS = (
    ("POST", "/redemptions"),
    ("POST", "/redeem"),
    ("POST", "/reversal"),
    ("POST", "/return"),
    ("POST", "/transactions"),
    ("POST", "/claim"),
    ("GET", "/redemptions"),
    ("GET", "/benefits"),
)
# Everything the sandbox can be unsure about that a shop's calls can meet. A tenant that issues no API token for long,
# or tells webhooks otherwise, is no other tenant to this machine.
UNSURE = sorted(
    set(SWITCHES)
    - {"api_token_days", "id_token_seconds", "event_names", "webhook_delivery", "benefit_balance", "allow_user_redeem"}
)
# The extension knows tenants that convert times and those that echo them: OMNEO_DATES names no naive one.
KNOWN_DATES = ("utc", "echo")
VALUES = {name: KNOWN_DATES if name == "dates" else SWITCHES[name].values for name in UNSURE}
ANY_TENANT = st.fixed_dictionaries({}, optional={name: st.sampled_from(VALUES[name]) for name in UNSURE})
# Every second one shows nothing of ours: there the uses left alone decide about a lost answer.
TENANTS = ANY_TENANT | ANY_TENANT.map(lambda tenant: tenant | AWKWARD)
SHOPPERS = st.sampled_from([MIA, LEO])
CARTS = st.sampled_from(["cart-1", "cart-2"])


class AnyOrder(RuleBasedStateMachine):
    """Each rule is something that happens to a shop; every one may end in a crash, a decline or an error."""

    @initialize(tenant=TENANTS)
    def open(self, tenant: dict[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp())
        (self.folder / "omneo").mkdir()
        self.tenant = tenant
        harness = open_harness(self.folder, switches=tenant, dates=tenant.get("dates", "utc"))
        self.shop = ModelShop(harness, dates=tenant.get("dates", "utc"))
        self.clicks = 0
        self.numbers: list[str] = []

    @contextmanager
    def whatever(self) -> Iterator[None]:
        """What happens may be declined, fail or end the process; then a new one starts."""
        try:
            yield
        except BenefitsError:
            pass
        except Crash:
            self.shop.restart()

    @rule(shopper=SHOPPERS, cart=CARTS, choice=st.integers(0, 5), move=st.booleans())
    def apply(self, shopper: Shopper, cart: str, choice: int, move: bool) -> None:
        with self.whatever():
            yours = read_wallet(self.shop.harness.ctx, shopper).usable
            if yours:
                benefit = yours[choice % len(yours)].benefit
                hold(self.shop.harness.ctx, shopper, self._cart(shopper, cart), benefit.id, move=move)

    @rule(shopper=SHOPPERS, cart=CARTS)
    def remove(self, shopper: Shopper, cart: str) -> None:
        held = [u for u in self.shop.rows(uses) if u["state"] == "held" and u["customer_id"] == shopper.customer_id]
        with self.whatever():
            for use in held[:1]:
                release(self.shop.harness.ctx, shopper, self._cart(shopper, cart), use["benefit_id"])

    @rule(shopper=SHOPPERS, cart=CARTS, payment=st.sampled_from(["works", "works", "declined", "is lost"]))
    def place(self, shopper: Shopper, cart: str, payment: str) -> None:
        with self.whatever():
            self.numbers.append(self.shop.place(shopper, self._cart(shopper, cart), payment))

    @precondition(lambda self: self.numbers)
    @rule(choice=st.integers(0, 20))
    def cancel(self, choice: int) -> None:
        with self.whatever():
            self.shop.cancel(self.numbers[choice % len(self.numbers)])

    @rule(
        shopper=SHOPPERS,
        choice=st.integers(0, 5),
        payment=st.sampled_from(["works", "declined", "is lost"]),
        call=st.sampled_from(CALLS),
        kind=st.sampled_from(FAULTS),
        steps=st.none() | st.integers(0, 20),
    )
    def buy_in_bad_weather(
        self, shopper: Shopper, choice: int, payment: str, call: tuple[str, str], kind: str, steps: int | None
    ) -> None:
        """A whole checkout with one fault and perhaps a crash in it: so many runs reach the places that matter."""
        self.apply(shopper=shopper, cart="cart-1", choice=choice, move=True)
        self.shop.harness.wire.fail(*call, kind, 2)
        self.shop.fuse.left = steps
        self.place(shopper=shopper, cart="cart-1", payment=payment)

    @rule(shopper=SHOPPERS)
    def use_now(self, shopper: Shopper) -> None:
        self.clicks += 1
        with self.whatever():
            for held in read_wallet(self.shop.harness.ctx, shopper).usable:
                if held.benefit.handle == "vip-lounge":
                    use_from_account(self.shop.harness.ctx, shopper, held.benefit.id, f"click {self.clicks}")
                    break

    @rule(shopper=SHOPPERS, choice=st.integers(0, 3), again=st.booleans())
    def claim(self, shopper: Shopper, choice: int, again: bool) -> None:
        self.clicks += not again
        with self.whatever():
            ready = read_wallet(self.shop.harness.ctx, shopper).claimable
            if ready:
                claim(self.shop.harness.ctx, shopper, ready[choice % len(ready)].handle, f"claim {self.clicks}")

    @rule(shopper=SHOPPERS, choice=st.integers(0, 5))
    def use_at_the_till(self, shopper: Shopper, choice: int) -> None:
        wire, step = self.shop.harness.wire, self.shop.harness.wire.step
        faults, wire.faults, wire.step = wire.faults, [], lambda _what: None  # a till has a wire of its own
        with self.whatever():
            yours = read_wallet(self.shop.harness.ctx, shopper).usable
            if yours:
                benefit = yours[choice % len(yours)].benefit
                path = f"/api/v3/profiles/{benefit.profile_id}/benefits/{benefit.id}"
                headers = {"Authorization": "Bearer sandbox-token"}
                body = {"issued_at": "2026-03-02 12:00:00", "timezone": "Australia/Melbourne"}
                client = self.shop.harness.sandbox.test_client()
                answer = client.post(f"{path}/redemptions", json=body, headers=headers)
                if answer.status_code == 404:
                    client.post(f"{path}/redeem", json={"count": 1}, headers=headers)
        wire.faults, wire.step = faults, step

    @rule(call=st.sampled_from(CALLS), kind=st.sampled_from(FAULTS), times=st.integers(1, 3))
    def break_the_wire(self, call: tuple[str, str], kind: str, times: int) -> None:
        self.shop.harness.wire.fail(*call, kind, times)

    @rule()
    def mend_the_wire(self) -> None:
        self.shop.harness.wire.heal()

    @rule()
    def late_requests_arrive(self) -> None:
        self.shop.harness.wire.deliver_delayed()

    @rule(steps=st.integers(0, 12))
    def crash_soon(self, steps: int) -> None:
        self.shop.fuse.left = steps

    @rule(seconds=st.sampled_from([1, 10, 45, 100, 600, 3600]))
    def time_passes(self, seconds: float) -> None:
        self.shop.harness.clock.forward(seconds=seconds)

    @rule(turns=st.integers(1, 3))
    def the_worker_works(self, turns: int) -> None:
        with self.whatever():
            for _ in range(turns):
                self.shop.harness.clock.forward(seconds=15)
                run_once(self.shop.harness.ctx)

    @invariant()
    def no_more_is_in_use_than_there_is(self) -> None:
        if not hasattr(self, "shop"):
            return
        slots = [(u["profile_id"], u["benefit_id"], u["slot"]) for u in self._uses() if u["state"] in LIVE_USES]
        assert len(slots) == len(set(slots))
        for benefit_id, live in self._live_by_benefit().items():
            remaining = max(u["baseline_remaining"] or 99 for u in live)
            assert len([u for u in live if u["state"] in UNCOUNTED_USES]) <= remaining, benefit_id

    @invariant()
    def one_attempt_makes_one_redemption(self) -> None:
        if hasattr(self, "shop"):
            made = [r["external_id"] for r in self.shop.harness.redemptions() if r["external_id"]]
            assert len(made) == len(set(made))

    def teardown(self) -> None:
        """Heal everything, let what is late arrive, and give the worker its time: then all sums must be right."""
        if not hasattr(self, "shop"):
            return
        self.shop.fuse.left = None
        self.shop.harness.wire.heal()
        self.shop.restart()
        self.shop.work(2)
        self.shop.harness.wire.deliver_delayed()
        self.shop.resolve_all()
        self.shop.work(100, step=180)
        problems = self.shop.problems()
        self.shop.harness.ctx.omneo.close()
        self.shop.harness.ctx.ledger.close()
        rmtree(self.folder, ignore_errors=True)
        assert problems == [], (self.tenant, problems)

    def _cart(self, shopper: Shopper, name: str) -> Any:
        return self.shop.cart(f"{name} of {shopper.customer_id}")

    def _uses(self) -> list[dict[str, Any]]:
        return self.shop.rows(uses)

    def _live_by_benefit(self) -> dict[str, list[dict[str, Any]]]:
        live: dict[str, list[dict[str, Any]]] = {}
        for use in self._uses():
            if use["state"] in LIVE_USES:
                live.setdefault(use["benefit_id"], []).append(use)
        return live


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes; the steps are printed as they were
    suppress_health_check=list(HealthCheck),
)
