"""Two sessions submit one order at once: neither spoils the other's transaction, and one row holds the order."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger.events import Audit
from claimable_benefits.ledger.uses import add_use, find_use, move_use
from claimable_benefits.runtime import Runtime
from tests.ledger.session_hooks.conftest import Shop, sale
from tests.support.waiting import LIMIT


def submit_beside(shop: Shop, number: str, *, total: str) -> tuple[threading.Thread, list[str]]:
    """Submit from a second session, which has to wait for the first, and then go on with the shop's own work."""
    outcome: list[str] = []

    def work() -> None:
        with shop.app.app_context(), Session(shop.engine) as session:
            shop.benefits.submit(sale(number, total), session=session)
            session.execute(text("insert into shop_sales values ('after')"))  # fails in a transaction that is spoilt
            session.commit()
            outcome.append("committed")

    thread = threading.Thread(target=work)
    thread.start()
    return thread, outcome


@pytest.mark.timing
def test_the_second_one_waits_and_replaces_the_first(plain: Shop) -> None:
    plain.submit("A1")
    thread, outcome = submit_beside(plain, "A1", total="49.99")
    thread.join(0.4)
    waits = thread.is_alive()
    plain.session.commit()
    thread.join(LIMIT)

    revision, content = plain.revisions("A1")
    assert (waits, outcome) == (True, ["committed"])
    assert (revision, "49.99" in content) == (2, True)
    assert plain.seen() == (["A1", "after"], ["A1"])


@pytest.mark.timing
def test_the_second_one_is_the_first_where_that_is_rolled_back(plain: Shop) -> None:
    plain.submit("A1")
    thread, outcome = submit_beside(plain, "A1", total="49.99")
    thread.join(0.4)
    plain.session.rollback()
    thread.join(LIMIT)

    revision, content = plain.revisions("A1")
    assert (outcome, revision, "49.99" in content) == (["committed"], 1, True)
    assert plain.seen() == (["after"], ["A1"])


@pytest.mark.timing
def test_both_carry_the_redemption_of_the_order(plain: Shop) -> None:
    use_id = redeemed_for(plain, "A1")
    plain.submit("A1")
    thread, outcome = submit_beside(plain, "A1", total="49.99")
    thread.join(0.4)
    plain.session.commit()
    thread.join(LIMIT)

    with runtime(plain).context.ledger.read() as connection:
        use = find_use(connection, use_id)
    with plain.engine.connect() as connection:
        linked = connection.execute(text("select use_id, redemption_id from benefits_outbox")).one()
    assert use is not None
    assert (outcome, use.state, tuple(linked)) == (["committed"], UseState.CONSUMED, (use_id, "159"))


def runtime(shop: Shop) -> Runtime:
    found: Runtime = shop.app.extensions["claimable_benefits"]
    return found


def redeemed_for(shop: Shop, number: str) -> str:
    """A use in the state that a redemption leaves."""
    ctx = runtime(shop).context
    audit = Audit("test", "set up", ctx.clock())
    values: dict[str, Any] = {
        "use_id": "use-1",
        "reference": "shop-use-1",
        "channel": "checkout",
        "customer_id": "1001",
        "profile_id": "p1",
        "benefit_id": "b1",
        "definition_handle": "first-spend",
        "name": "First Spend",
        "instructions": "",
        "slot": 0,
        "cart_id": "c1",
        "held_until": ctx.clock(),
        "order_number": number,
    }
    with ctx.ledger.write() as connection:
        use = add_use(connection, audit, **values)
        use = move_use(connection, use, UseState.REDEEMING, audit, sent_at=ctx.clock())
        move_use(connection, use, UseState.REDEEMED, audit, redemption_id="159", redeemed_at=ctx.clock())
    return "use-1"
