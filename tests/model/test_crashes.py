"""A crash at every commit and every call in turn, and a fault at every call: whatever happens, the sums are right."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from claimable_benefits.errors import BenefitsError
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.claims.claim import claim
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.redemption.redeem import use_from_account
from tests.model.shop import Crash, Fuse, ModelShop
from tests.service.conftest import MIA, open_harness

Story = Callable[[ModelShop, int], None]
FAULTS = (
    "dropped",
    "applied then dropped",
    "delayed",
    "503",
    "503 although applied",
    "429",
    "garbage",
    "{}",
    "refused",
)


def buy(shop: ModelShop, run: int) -> None:
    """A checkout as it should be."""
    applied(shop, run)
    shop.place(MIA, shop.cart(f"cart {run}"))
    shop.work(0.5)


def decline_and_try_again(shop: ModelShop, run: int) -> None:
    """The first card is declined, the second works: the benefit and the total stay."""
    applied(shop, run)
    shop.place(MIA, shop.cart(f"cart {run}"), "declined")
    shop.place(MIA, shop.cart(f"cart {run}"))
    shop.work(0.5)


def lose_the_capture(shop: ModelShop, run: int) -> None:
    """The answer to the capture is lost; the shop asks its provider later."""
    applied(shop, run)
    shop.place(MIA, shop.cart(f"cart {run}"), "is lost")
    shop.work(2)


def buy_and_cancel(shop: ModelShop, run: int) -> None:
    """A paid order is cancelled."""
    applied(shop, run)
    number = shop.place(MIA, shop.cart(f"cart {run}"))
    shop.work(0.5)
    shop.cancel(number)
    shop.work(0.5)


def use_in_the_account(shop: ModelShop, run: int) -> None:
    """A benefit that is not about a cart."""
    benefit_id = issue(shop, "vip-lounge")
    use_from_account(shop.harness.ctx, MIA, benefit_id, f"click {run}")


def claim_it(shop: ModelShop, run: int) -> None:
    """A claim of something that was not there before."""
    handle = f"gift-{run}"
    fields = {"name": "Gift", "handle": handle, "period": 30, "is_claimable": True, "is_published": True}
    shop.harness.ctx.omneo.create_definition(fields)
    claim(shop.harness.ctx, MIA, handle, f"claim {run}")
    shop.work(0.5)


STORIES = (buy, decline_and_try_again, lose_the_capture, buy_and_cancel, use_in_the_account, claim_it)


def issue(shop: ModelShop, handle: str) -> str:
    """A fresh benefit for this run."""
    omneo = shop.harness.ctx.omneo
    profile_id = omneo.profile_id(MIA.customer_id)
    definition = next(d for d in omneo.definitions() if d.handle == handle)
    assert profile_id is not None
    return omneo.issue(definition.id, profile_id, at=shop.harness.clock.now).id


def applied(shop: ModelShop, run: int) -> None:
    benefit_id = issue(shop, "first-spend")
    hold(shop.harness.ctx, MIA, shop.cart(f"cart {run}"), benefit_id)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ModelShop]:
    (tmp_path / "omneo").mkdir()
    opened = ModelShop(open_harness(tmp_path))
    read_wallet(opened.harness.ctx, MIA)
    opened.work(0.5)  # what a worker does once per process is no part of a story
    yield opened
    opened.harness.ctx.omneo.close()
    opened.harness.ctx.ledger.close()


def recover(shop: ModelShop) -> None:
    """A new process, a healthy Omneo, and time for what is late."""
    shop.fuse.left = None
    shop.harness.wire.heal()
    shop.restart()
    shop.work(2)
    shop.harness.wire.deliver_delayed()
    shop.resolve_all()
    shop.work(45, step=180)


def count_steps(shop: ModelShop, story: Story) -> int:
    shop.fuse = Fuse()
    shop.harness.wire.step = shop.fuse.step
    story(shop, 0)
    return len(shop.fuse.steps)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_crash_at_any_commit_and_any_call_leaves_nothing_wrong(shop: ModelShop, story: Story) -> None:
    steps = count_steps(shop, story)
    crashed = 0
    for run in range(1, steps + 1):
        shop.fuse.left = run - 1
        with suppress(BenefitsError):
            try:
                story(shop, run)
            except Crash:
                crashed += 1
        recover(shop)
        assert shop.problems() == [], f"after a crash at step {run} of {steps}: {shop.fuse.steps[-1]}"

    assert crashed > steps * 0.8  # what happens once in a process, such as a look at the tenant, is counted too


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_fault_at_any_call_leaves_nothing_wrong(shop: ModelShop, story: Story, fault: str) -> None:
    story(shop, 0)
    writes = [call for call in shop.harness.wire.seen if call[0] == "POST"]
    paths = {path.rsplit("/", 1)[-1] for _method, path in writes}
    for run, path in enumerate(sorted(paths), start=1):
        shop.harness.wire.fail("POST", f"/{path}", fault)
        shop.harness.wire.fail("GET", "/redemptions", "dropped")
        with suppress(BenefitsError):
            story(shop, run)
        recover(shop)
        assert shop.problems() == [], f"after {fault} at {path}"
