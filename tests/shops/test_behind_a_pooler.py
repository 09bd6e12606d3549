"""PgBouncer in transaction mode gives each transaction another connection to the server: nothing may outlive one."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import text

from claimable_benefits.errors import LedgerUnavailable
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.key_values import get_value, set_value
from claimable_benefits.service.claims.claim import claim
from tests.shops.conftest import MIA, NewShop, Purchase, sale
from tests.support.pgbouncer import running_pgbouncer
from tests.support.postgres import Postgres
from tests.support.waiting import LIMIT


@pytest.fixture
def single(postgres: Postgres) -> Iterator[str]:
    """The address of a ledger behind one connection, which every client gets in turn."""
    with running_pgbouncer(postgres.empty_ledger(), size=1) as url:
        yield url


def write(ledger: Ledger, name: str, value: str) -> None:
    now = ledger.clock()
    with ledger.write() as connection:
        set_value(connection, name, value, now)


def test_a_limit_of_ours_is_not_seen_by_another_client_of_the_pool(single: str) -> None:
    ledger = Ledger(single)
    with ledger.write() as connection:
        ours = connection.execute(text("SHOW lock_timeout")).scalar()
    with ledger.read() as connection:
        reading = connection.execute(text("SHOW lock_timeout")).scalar()
    ledger.close()

    with psycopg.connect(single) as another:
        theirs = another.execute("SHOW lock_timeout").fetchone()
        isolation = another.execute("SHOW transaction_isolation").fetchone()

    assert (ours, reading) == ("5s", "5s")
    assert (theirs, isolation) == (("0",), ("read committed",))


def test_a_migration_leaves_no_limit_behind_either(postgres: Postgres) -> None:
    with postgres.empty_database() as url, running_pgbouncer(url, size=1) as pooled:
        ledger = Ledger(pooled)
        ledger.create_tables()
        version = ledger.version()
        ledger.close()
        with psycopg.connect(pooled) as another:
            theirs = another.execute("SHOW lock_timeout").fetchone()

    assert (version, theirs) == (ledger.newest, ("0",))


def test_the_same_statement_from_many_clients_meets_no_prepared_one(single: str) -> None:
    ledgers = [Ledger(single) for _ in range(3)]
    for number in range(12):
        for ledger in ledgers:
            write(ledger, "name", str(number))
    with ledgers[0].read() as connection:
        value = get_value(connection, "name")
    for ledger in ledgers:
        ledger.close()

    with psycopg.connect(single) as another:
        prepared = another.execute("SELECT count(*) FROM pg_prepared_statements").fetchone()
    assert (value, prepared) == ("11", (0,))


@pytest.mark.timing
def test_a_lock_is_still_waited_for_no_longer_than_five_seconds(postgres: Postgres) -> None:
    with running_pgbouncer(postgres.empty_ledger(), size=2) as url:
        waiting, holding = Ledger(url, wait=0.2), Ledger(url)
        write(holding, "name", "before")
        waiting.clock()
        with holding.write() as connection:
            set_value(connection, "name", "held", holding.clock())
            with pytest.raises(LedgerUnavailable, match="lock timeout"):
                write(waiting, "name", "late")
        waiting.close()
        holding.close()


def test_a_benefit_goes_its_whole_way(new_shop: NewShop) -> None:
    shop = new_shop()
    ctx = shop.runtime.context
    before = shop.live_uses()

    with shop.app.test_request_context("/checkout"):
        claim(ctx, MIA, "free-shipping", "claim-1")
        shop.apply()
        purchase = shop.open("A1")
        with shop.benefits.redeeming("A1", session=shop.session) as use:
            pass
        purchase.state = "paid"
        shop.benefits.submit(sale("A1"), session=shop.session)
        shop.session.commit()
        shop.benefits.run_once()
        delivered = shop.benefits.record("A1")
        placed = shop.live_uses() - before
        shop.benefits.refund("A1", transaction=sale("A1"), session=shop.session)
        shop.session.commit()
        shop.benefits.run_once()
        refunded = shop.benefits.record("A1")

    assert use is not None
    assert (delivered and delivered.delivered, placed) == (True, 1)
    assert (refunded and refunded.is_void, shop.live_uses() - before) == (True, 0)


def test_many_shoppers_at_once_share_a_small_pool(new_shop: NewShop) -> None:
    shop = new_shop()

    def buy(number: int) -> None:
        with shop.app.test_request_context("/checkout"):
            shop.session.add(Purchase(number=f"B{number}", state="paid"))
            shop.benefits.submit(sale(f"B{number}"), session=shop.session)
            shop.session.commit()

    buyers = [threading.Thread(target=buy, args=(number,)) for number in range(12)]
    for buyer in buyers:
        buyer.start()
    for buyer in buyers:
        buyer.join(LIMIT)
    while shop.runtime.run_once():
        pass

    sent = shop.omneo.test_client().get("/_sandbox/state").get_json()["transactions"]
    assert {f"B{number}" for number in range(12)} <= {row["external_id"] for row in sent}
