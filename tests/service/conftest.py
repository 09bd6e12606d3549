"""A context over a real ledger and a real sandbox, with a clock to move and a wire to cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask

from claimable_benefits.domain.policy import read_policies
from claimable_benefits.domain.shop import Cart, Item, Line, Order, OrderState, Shopper, Transaction
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.events import Event, events_of
from claimable_benefits.ledger.tenant_facts import TenantFacts
from claimable_benefits.omneo import OmneoClient, Timeouts
from claimable_benefits.sandbox import create_sandbox
from claimable_benefits.service.context import Context, Timing
from claimable_benefits.service.worker.turn import run_once
from tests.support.waiting import LIMIT

MIA = Shopper("1001", name="Mia Ngo", timezone="Australia/Melbourne")
LEO = Shopper("1002", name="Leo Park")
KIM = Shopper("1007", name="Kim Lee")
CART = Cart(
    id="cart-1",
    lines=(Line("shirt", "Linen shirt", 1, Decimal("99.99"), frozenset({"clothing"})),),
    currency="AUD",
    shipping=Decimal("9.95"),
)
POLICIES = read_policies(
    {
        "free-shipping": {"discount": "shipping", "used_at": "checkout"},
        "first-spend": {"discount": "percent", "size": 10, "used_at": "checkout", "refundable": "full-refund"},
        "alterations": {"used_at": ["checkout"], "refundable": "never"},
        "vip-lounge": {"used_at": "account"},
        "thank-you-10": {"discount": "amount", "size": "10 AUD", "minimum": "200 AUD", "used_at": "checkout"},
        "barista-coffee": {"used_at": "store"},
    }
)


# The client measures its budgets on the machine's clock, not on the harness's: no test here may hang on how busy it is.
UNHURRIED = Timeouts(connect=LIMIT, read=LIMIT, pool=LIMIT, total=LIMIT)
PATIENT = Timing(answer_seconds=LIMIT, lookup_seconds=LIMIT, baseline_seconds=LIMIT)

# A tenant that shows nothing of ours: no filter by reference, no reversals as rows; and takes a return after one.
AWKWARD = {"external_id_filter": "ignored", "rollback_rows": "hidden", "return_after_reversal": "take"}


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Fault:
    """What happens to the next requests that it matches."""

    method: str
    path: str
    kind: str
    times: int


@dataclass
class Wire(httpx.BaseTransport):
    """The way to the sandbox: counts what passes, and fails as it is told."""

    inner: httpx.BaseTransport
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    delayed: list[httpx.Request] = field(default_factory=list)
    before_write: Callable[[httpx.Request], None] | None = None
    step: Callable[[str], None] = lambda _what: None

    def fail(self, method: str, path: str, kind: str, times: int = 1) -> None:
        self.faults.append(Fault(method, path, kind, times))

    def heal(self) -> None:
        self.faults.clear()

    def deliver_delayed(self) -> None:
        """Let Omneo apply what was long under way."""
        late, self.delayed = self.delayed, []
        for request in late:
            self.inner.handle_request(request).read()

    def sent(self, method: str, path: str) -> int:
        return sum(1 for seen_method, seen_path in self.seen if seen_method == method and path in seen_path)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append((request.method, request.url.path))
        self.step(f"before {request.method} {request.url.path}")
        answer = self._handle(request)
        self.step(f"after {request.method} {request.url.path}")
        return answer

    def _handle(self, request: httpx.Request) -> httpx.Response:
        if self.before_write and request.method != "GET":
            self.before_write(request)
        fault = self._fault(request)
        if fault is None:
            return self.inner.handle_request(request)
        if fault == "refused":
            raise httpx.ConnectError("refused", request=request)
        if fault == "applied then dropped":
            self.inner.handle_request(request).read()
            raise httpx.ReadTimeout("no answer", request=request)
        if fault == "429 although applied":
            self.inner.handle_request(request).read()
            return httpx.Response(429, json={"message": "slow down"}, request=request)
        if fault == "delayed":
            self.delayed.append(request)
            raise httpx.ReadTimeout("no answer", request=request)
        if fault == "dropped":
            raise httpx.ReadTimeout("no answer", request=request)
        if fault == "garbage":
            self.inner.handle_request(request).read()
            return httpx.Response(200, html="<p>We will be back soon</p>", request=request)
        if fault == "503 although applied":
            self.inner.handle_request(request).read()
            return httpx.Response(503, json={"message": "too much"}, request=request)
        if fault.startswith(("{", "null")):  # an answer without a list
            return httpx.Response(200, content=fault, headers={"Content-Type": "application/json"}, request=request)
        kind, _, seconds = fault.partition(" for ")  # "429 for 60" names the seconds
        status = int(kind)
        headers = {"Retry-After": seconds or "7"} if status == 429 else {}
        return httpx.Response(status, json={"message": "as told"}, headers=headers, request=request)

    def _fault(self, request: httpx.Request) -> str | None:
        for fault in self.faults:
            if fault.times and fault.method == request.method and fault.path in request.url.path:
                fault.times -= 1
                return fault.kind
        return None


@dataclass
class Orders:
    """What the shop knows of its orders."""

    states: dict[str, Order] = field(default_factory=dict)

    def __call__(self, number: str) -> Order | None:
        return self.states.get(number)

    def set(self, number: str, state: OrderState, transaction: Transaction | None = None) -> None:
        self.states[number] = Order(number, state, transaction)


@dataclass
class ServiceHarness:
    """One shop, its ledger, its Omneo."""

    ctx: Context
    clock: Clock
    wire: Wire
    orders: Orders
    sandbox: Flask

    def held_at_omneo(self) -> dict[str, Any]:
        state = self.sandbox.test_client().get("/_sandbox/state").get_json()
        assert isinstance(state, dict)
        return state

    def redemptions(self, kind: str = "redeem") -> list[dict[str, Any]]:
        """Those made since the demo data was laid out."""
        return [r for r in self.held_at_omneo()["redemptions"] if r["type"] == kind and r["id"] not in self.before]

    def live_redemptions(self) -> list[str]:
        """The ids of the uses made since the demo data was laid out that stand at Omneo."""
        return [str(r["id"]) for r in self.redemptions() if r["live"]]

    def work(self, **span: float) -> None:
        """Let the time pass in steps of ten seconds, forty for longer spans, with a turn of the worker at each."""
        end = self.clock.now + timedelta(**span)
        step = 10 if timedelta(**span) <= timedelta(minutes=4) else 40
        while self.clock.now < end:
            self.clock.forward(seconds=step)
            run_once(self.ctx)

    before: frozenset[int] = frozenset()

    def events(self, subject: str) -> list[Event]:
        with self.ctx.ledger.read() as connection:
            return events_of(connection, subject)

    def submit(self, number: str, customer_id: str | None = "1001") -> Transaction:
        from claimable_benefits.service.orders.submit import submit

        transaction = sale(number, customer_id, self.clock.now)
        with self.ctx.ledger.write() as connection:
            submit(self.ctx, transaction, connection)
        return transaction


def sale(number: str, customer_id: str | None, at: datetime) -> Transaction:
    item = Item("Linen shirt", 1, Decimal("99.99"), Decimal("89.99"), discount=Decimal("10.00"))
    return Transaction(number, customer_id, Decimal("89.99"), Decimal("99.99"), at, "AUD", (item,))


def new_client(
    wire: Wire, ledger: Ledger, clock: Clock, dialect: str = "auto", dates: str = "utc", **more: Any
) -> OmneoClient:
    """What each process of a shop has: a client of its own, and what all of them have learned."""
    return OmneoClient(
        "http://127.0.0.1/api/v3",
        "sandbox-token",
        timezone="Australia/Melbourne",
        dialect=dialect,
        dates=dates,
        transport=wire,
        variants=TenantFacts(ledger, clock),
        timeouts=UNHURRIED,
        **more,
    )


def open_harness(
    folder: Path,
    ledger_url: str = "",
    *,
    dialect: str = "auto",
    switches: dict[str, str] | None = None,
    dates: str = "utc",
) -> ServiceHarness:
    """A new harness in ``folder``; its ledger is a file there where no address is given."""
    clock = Clock()
    sandbox = create_sandbox(data=folder / "omneo", seed="demo", clock=clock, switches=switches or {})
    wire = Wire(httpx.WSGITransport(app=sandbox))
    ledger = Ledger(ledger_url or f"sqlite:///{folder / 'ledger.sqlite3'}")
    ledger.create_tables()
    omneo = new_client(wire, ledger, clock, dialect, dates)
    orders = Orders()
    ctx = Context(
        ledger=ledger,
        omneo=omneo,
        clock=clock,
        sleep=lambda seconds: clock.forward(seconds=seconds),
        order_loader=orders,
        policies=POLICIES,
        timing=PATIENT,
    )
    harness = ServiceHarness(ctx, clock, wire, orders, sandbox)
    return replace(harness, before=frozenset(r["id"] for r in harness.held_at_omneo()["redemptions"]))


OpenHarness = Callable[..., ServiceHarness]


@pytest.fixture
def new_harness(tmp_path: Path, ledger_url: str) -> Iterator[OpenHarness]:
    """Opens a harness of another kind, with the keywords of `open_harness`."""
    (tmp_path / "omneo").mkdir()
    opened: list[ServiceHarness] = []

    def new(**kind: Any) -> ServiceHarness:
        opened.append(open_harness(tmp_path, ledger_url, **kind))
        return opened[-1]

    yield new
    for one in opened:
        one.ctx.omneo.close()
        one.ctx.ledger.close()


@pytest.fixture
def harness(new_harness: OpenHarness) -> ServiceHarness:
    return new_harness()
