"""A wallet is read once and shown often, and never contradicts what its shopper has done. All over real sockets."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from claimable_benefits import Shopper
from claimable_benefits.ledger.profile_ids import forget_profile, known_profile, remember_profile
from claimable_benefits.sandbox.testing_kit.builders import OmneoSandbox, ShopperBuilder
from tests.wallet.shops import HERE, Shop, asked, meet, open_shop
from tests.web.reading import forms, region

BOTH = ["GET benefits", "GET benefits/claimable"]
SECRET = "a secret of the tenant"


@pytest.fixture
def omneo(omneo_sandbox: OmneoSandbox) -> OmneoSandbox:
    for number in range(30):
        omneo_sandbox.shopper(f"c{number}").holds(f"own-{number}")
    mia = omneo_sandbox.shopper("mia").holds("tenner").holds("lounge").may_claim("wrapping")
    mia.holds("only-mias")
    omneo_sandbox.shopper("leo").holds("only-leos")
    omneo_sandbox.running.calls.clear()
    return omneo_sandbox


@pytest.fixture
def shop(tmp_path: Path, omneo: OmneoSandbox) -> Iterator[Shop]:
    with open_shop(tmp_path, omneo) as opened:
        yield opened


@pytest.fixture
def other(tmp_path: Path, omneo: OmneoSandbox, shop: Shop) -> Iterator[Shop]:
    """A second process of the same shop, over the same ledger."""
    with open_shop(tmp_path, omneo) as opened:
        yield opened


def at_once(count: int, do: Callable[[int], Any]) -> list[Any]:
    """Do it in so many threads at the same moment; gives what each brought."""
    start, brought = threading.Barrier(count), [None] * count

    def run(number: int) -> None:
        start.wait()
        brought[number] = do(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return brought


@pytest.mark.timing
def test_a_known_shopper_costs_one_round_trip(shop: Shop, omneo: OmneoSandbox) -> None:
    meet(shop, omneo, "mia")
    omneo.running.faults.add("latency", seconds=0.1)

    shop.read("mia")

    first, second = sorted(omneo.calls(), key=lambda call: call.real_at)
    assert asked(omneo) == BOTH
    assert (second.real_at - first.real_at).total_seconds() < min(first.seconds, second.seconds)


def test_an_unknown_shopper_costs_one_more(shop: Shop, omneo: OmneoSandbox) -> None:
    meet(shop, omneo, "leo")  # so that the form of the search is known

    shop.read("mia")

    assert len(asked(omneo)) == 3


def test_a_shopper_whom_omneo_does_not_know_is_not_looked_up_on_every_page(shop: Shop, omneo: OmneoSandbox) -> None:
    pages = [shop.get("nobody") for _ in range(3)]
    calls = len(omneo.calls())

    assert {status for status, _ in pages} == {200}
    assert all("No benefits yet." in text for _, text in pages)
    assert calls <= 2  # both forms of the search, once


def test_a_shelf_that_was_read_is_shown_without_asking(shop: Shop, omneo: OmneoSandbox) -> None:
    meet(shop, omneo, "mia")

    pages = [shop.read("mia").one("h1").text for _ in range(5)]
    shop.read("mia", "/checkout")

    assert len(pages) == 5
    assert asked(omneo) == BOTH


def test_a_wallet_that_is_read_again_has_another_version_only_where_it_differs(shop: Shop, omneo: OmneoSandbox) -> None:
    zoe, versions = omneo.shopper("zoe").holds("tenner"), []
    for more in ((), (), ("lounge",)):
        for handle in more:
            zoe.holds(handle)
        shop.wallets.read(shop.ctx.wallet_source, Shopper("zoe"))
        versions.append(shop.wallets.get(shop.ctx.wallet_source, Shopper("zoe")).version)

    assert versions[0] == versions[1] != versions[2]


def test_a_hundred_readers_at_once_ask_once(tmp_path: Path, omneo: OmneoSandbox) -> None:
    with open_shop(tmp_path, omneo, BENEFITS_WAITING_THREADS=101, BENEFITS_PAGE_BUDGET_MS=10_000) as shop:
        meet(shop, omneo, "mia")

        pages = at_once(100, lambda _: shop.get("mia"))

    assert asked(omneo) == BOTH
    assert {status for status, _ in pages} == {200}
    assert all("Only mias" in text for _, text in pages)


def test_applying_asks_omneo_for_nothing(shop: Shop, omneo: OmneoSandbox) -> None:
    button = shop.form("mia", "Apply Tenner", "/checkout")
    omneo.running.calls.clear()

    status = shop.send("mia", button)
    panel = region(shop.read("mia", "/checkout"), "Benefits").text

    assert status == 303
    assert "Held for you until" in panel
    assert asked(omneo) == []


def test_a_claim_is_seen_at_once_here_and_in_every_other_process(shop: Shop, other: Shop, omneo: OmneoSandbox) -> None:
    before = [forms(each.read("mia")) for each in (shop, other)]
    shop.send("mia", before[0]["Claim Wrapping"])

    pages = [each.read("mia") for each in (shop, other)]

    assert all("Claim Wrapping" in found for found in before)
    assert [("Claim Wrapping" in forms(page)) for page in pages] == [False, False]
    assert all("Wrapping" in region(page, "Yours to use").text for page in pages)


def test_a_use_is_seen_at_once_here_and_in_every_other_process(shop: Shop, other: Shop) -> None:
    buttons = [forms(each.read("mia"))["Use Lounge now"] for each in (shop, other)]
    shop.send("mia", buttons[0])

    pages = [each.read("mia") for each in (shop, other)]

    assert [("Use Lounge now" in forms(page)) for page in pages] == [False, False]


def test_after_a_use_nothing_older_is_shown_even_if_omneo_is_silent(
    shop: Shop, other: Shop, omneo: OmneoSandbox
) -> None:
    other.read("mia")
    shop.send("mia", shop.form("mia", "Use Lounge now"))
    omneo.running.faults.add("refuse")

    statuses = [each.get("mia")[0] for each in (shop, other)]

    assert statuses == [503, 503]


def test_a_hold_is_seen_in_other_processes_without_asking_omneo(shop: Shop, other: Shop, omneo: OmneoSandbox) -> None:
    other.read("mia", "/checkout")
    shop.send("mia", shop.form("mia", "Apply Tenner", "/checkout"))
    omneo.running.calls.clear()

    panel = region(other.read("mia", "/checkout"), "Benefits").text

    assert "Held for you until" in panel
    assert asked(omneo) == []


def test_two_shoppers_never_meet_however_many_ask(shop: Shop, omneo: OmneoSandbox) -> None:
    meet(shop, omneo, "mia", "leo")
    names = ("mia", "leo")

    def visit(number: int) -> list[tuple[str, str]]:
        mine = names[number % 2]
        return [(mine, shop.get(mine, path)[1]) for path in (HERE, "/checkout", HERE, f"{HERE}?history=all") * 3]

    pages = [page for pages in at_once(12, visit) for page in pages]

    assert [mine for mine, text in pages if "Only leos" in text and mine == "mia"] == []
    assert [mine for mine, text in pages if "Only mias" in text and mine == "leo"] == []
    assert {mine for mine, text in pages if f"Only {mine}s" in text} == {"mia", "leo"}


def test_a_merged_profile_is_found_again(shop: Shop, omneo: OmneoSandbox) -> None:
    shop.read("mia")
    with shop.ctx.ledger.write() as connection:
        remember_profile(connection, "mia", "00000000-0000-4000-8000-000000000000", shop.ctx.clock())

    assert "Only mias" in shop.read("mia").text


def test_the_lists_of_a_shopper_with_uses_are_read_after_their_version(shop: Shop, omneo: OmneoSandbox) -> None:
    """Those of a stranger are asked for while the profile is noted: nothing of theirs can have happened before."""
    shop.send("mia", shop.form("mia", "Use Lounge now"))
    with shop.ctx.ledger.write() as connection:
        profile_id = known_profile(connection, "mia")
        forget_profile(connection, "mia")
    assert profile_id
    shop.wallets.forget(profile_id)
    omneo.running.calls.clear()

    page = shop.read("mia")

    assert "Use Lounge now" not in forms(page)
    assert [call for call in asked(omneo) if "benefits" in call] == sorted(BOTH * 2)


# A sick Omneo, by counted waits.


@pytest.fixture
def hasty(tmp_path: Path, omneo: OmneoSandbox) -> Iterator[Shop]:
    """A shop with the budget that holds without a setting, and a short one for what is fresh."""
    with open_shop(tmp_path, omneo, BENEFITS_PAGE_BUDGET_MS=400, BENEFITS_CACHE_SECONDS=1) as opened:
        yield opened


@pytest.mark.timing
def test_at_most_a_quarter_of_the_threads_wait_for_a_slow_omneo(hasty: Shop, omneo: OmneoSandbox) -> None:
    shop = hasty
    meet(shop, omneo, *(f"c{number}" for number in range(16)))
    omneo.running.faults.add("latency", seconds=5)
    wait_budget = shop.wallets.wait_budget
    assert wait_budget is not None

    pages = at_once(16, lambda number: shop.get(f"c{number}"))
    bare = shop.get("c1", "/bare")

    assert {status for status, _ in pages} == {200}
    assert all("We are fetching your benefits" in text for _, text in pages)
    assert 0 < wait_budget.most_at_once <= 3  # one of the four is left to a click
    assert bare == (200, "bare")


@pytest.mark.timing
def test_one_slow_read_never_turns_other_shoppers_away(hasty: Shop, omneo: OmneoSandbox) -> None:
    meet(hasty, omneo, "c1", "c2")
    omneo.running.faults.add("latency", seconds=5, times=2)  # both lists of the first shopper
    slow, quick = hasty.get("c1"), hasty.get("c2")

    assert "We are fetching your benefits" in slow[1]
    assert "Own 2" in quick[1]


def loading_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("claimable-benefits_")}


@pytest.mark.timing
def test_a_slow_omneo_is_asked_by_thirty_two_threads_at_most(hasty: Shop, omneo: OmneoSandbox) -> None:
    of_earlier_shops = loading_threads()  # this one's start with its first load
    meet(hasty, omneo, *(f"c{number}" for number in range(30)))
    omneo.running.faults.add("latency", seconds=5)

    for _ in range(5):
        at_once(30, lambda number: hasty.get(f"c{number}"))

    assert 0 < len(loading_threads() - of_earlier_shops) <= 32


@pytest.mark.timing
def test_a_shelf_that_is_not_fresh_is_shown_with_its_age_while_omneo_is_slow(
    tmp_path: Path, omneo: OmneoSandbox
) -> None:
    with open_shop(tmp_path, omneo, BENEFITS_CACHE_SECONDS=1) as shop:
        shop.read("mia")
        time.sleep(1.1)
        omneo.running.faults.add("latency", seconds=5)
        wait_budget = shop.wallets.wait_budget
        assert wait_budget is not None
        waits = wait_budget.waits

        pages = [shop.read("mia") for _ in range(5)]
        panel = shop.read("mia", "/checkout")

        assert all("As of a moment ago." in page.text and "Only mias" in page.text for page in pages)
        assert "As of a moment ago." in panel.text
        assert wait_budget.waits == waits


def test_a_dead_omneo_is_asked_now_and_then_and_not_by_every_page(tmp_path: Path, omneo: OmneoSandbox) -> None:
    with open_shop(tmp_path, omneo, BENEFITS_CACHE_SECONDS=1) as shop:
        meet(shop, omneo, *(f"c{number}" for number in range(20)))
        omneo.running.faults.add("refuse")

        statuses = [shop.get(f"c{number % 20}")[0] for number in range(200)]

    assert set(statuses) == {503}
    assert len(omneo.calls()) <= 16  # then the breaker is open


@pytest.mark.timing
def test_when_omneo_is_back_the_shelf_is_fresh_again(tmp_path: Path, omneo: OmneoSandbox) -> None:
    with open_shop(tmp_path, omneo, BENEFITS_CACHE_SECONDS=1) as shop:
        meet(shop, omneo, "mia")
        omneo.running.faults.add("refuse", times=2)
        down = shop.get("mia")[0]
        time.sleep(2.1)  # as long as a fault is remembered

        assert (down, shop.get("mia")[0]) == (503, 200)


# Webhooks.


def tell(shop: Shop, body: bytes, secret: str = SECRET, event: str = "benefit.updated") -> int:
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-omneo-event": event, "x-omneo-hmac-sha256": signature, "Content-Type": "application/json"}
    return shop.client.post(f"{HERE}/webhook", data=body, headers=headers).status_code


def test_a_webhook_makes_every_process_read_again(tmp_path: Path, omneo: OmneoSandbox) -> None:
    config = {"OMNEO_WEBHOOK_SECRET": SECRET}
    with open_shop(tmp_path, omneo, **config) as shop, open_shop(tmp_path, omneo, **config) as other:
        before = [forms(each.read("mia")) for each in (shop, other)]
        profile_id = omneo.benefits_of("mia")[0]["profile_id"]
        ShopperBuilder(omneo, "mia", profile_id).uses_at_the_till("lounge")
        unaware = forms(other.read("mia"))
        status = tell(shop, json.dumps({"id": 7, "benefit": {"profile_id": profile_id}}).encode())
        pages = [forms(each.read("mia")) for each in (shop, other)]

    assert status == 204
    assert all("Use Lounge now" in found for found in (*before, unaware))
    assert [("Use Lounge now" in found) for found in pages] == [False, False]


def test_a_webhook_while_omneo_is_silent_takes_nothing_away(tmp_path: Path, omneo: OmneoSandbox) -> None:
    with open_shop(tmp_path, omneo, OMNEO_WEBHOOK_SECRET=SECRET) as shop, open_shop(tmp_path, omneo) as other:
        other.read("mia")
        profile_id = omneo.benefits_of("mia")[0]["profile_id"]
        omneo.running.faults.add("refuse")
        tell(shop, json.dumps({"profile_id": profile_id}).encode())

        assert "Only mias" in other.read("mia").text
