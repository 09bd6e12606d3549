"""What is wrong with the shop's session is said by `redeeming`, before any money moves."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from flask_sqlalchemy_lite import SQLAlchemy as FlaskSQLAlchemyLite
from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from claimable_benefits import SettingsError
from claimable_benefits.errors import LedgerUnavailable
from tests.shops.conftest import NewShop, Purchase, ScopedShop

SOON = 2.0  # seconds; the ledger waits for five


def on_sqlite(shop: ScopedShop) -> bool:
    return shop.engine.dialect.name == "sqlite"


def test_a_ledger_in_another_database_than_the_orders_is_said_before_the_money(
    new_shop: NewShop, tmp_path: Path
) -> None:
    shop, money = new_shop(), []
    before = shop.live_uses()
    orders = create_engine(f"sqlite:///{tmp_path / 'orders.sqlite3'}")

    with shop.app.test_request_context("/checkout"), Session(orders) as session:
        shop.apply()
        with pytest.raises(SettingsError) as refused, shop.benefits.redeeming("A1", session=session):
            money.append("captured")
        has_begun = session.in_transaction()
    orders.dispose()

    assert refused.value.key == "BENEFITS_DATABASE_URL"
    assert (money, shop.live_uses() - before, has_begun) == ([], 0, False)


def test_a_session_that_commits_each_statement_is_said_before_the_money(new_shop: NewShop) -> None:
    shop, money = new_shop(), []

    with shop.app.test_request_context("/checkout"):
        shop.apply()
        with Session(shop.engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
            with pytest.raises(SettingsError) as refused, shop.benefits.redeeming("A1", session=session):
                money.append("captured")
            with pytest.raises(SettingsError), shop.benefits.redeeming("A1", session=session.connection()):
                money.append("captured")

    assert (refused.value.key, money) == ("isolation_level", [])


def test_what_is_no_session_is_said_before_the_money(new_shop: NewShop) -> None:
    shop = new_shop()

    with shop.app.test_request_context("/checkout"), pytest.raises(TypeError, match="not str"):
        shop.benefits.redeem("A1", session="session")  # type: ignore[arg-type] # that is the test


def test_the_right_session_begins_no_transaction_that_lasts_while_the_money_moves(new_shop: NewShop) -> None:
    shop = new_shop(pool_size=1, max_overflow=0, pool_timeout=SOON)

    with shop.app.test_request_context("/checkout"):
        shop.apply()
        shop.open("A1")
        with shop.benefits.redeeming("A1", session=shop.session) as use:
            during = shop.session().in_transaction()

    assert use is not None
    assert during is False


def test_an_open_write_of_the_shop_is_said_at_once(new_shop: NewShop) -> None:
    shop = new_shop()
    before = shop.live_uses()

    with shop.app.test_request_context("/checkout"):
        shop.apply()
        shop.session.add(Purchase(number="A1", state="open"))
        shop.session.flush()
        began = time.monotonic()
        if on_sqlite(shop):
            with pytest.raises(LedgerUnavailable, match="Commit the order first"):
                shop.benefits.redeem("A1", session=shop.session)
            assert time.monotonic() - began < SOON
            shop.session.commit()
        use = shop.benefits.redeem("A1", session=shop.session)

    assert use is not None
    assert shop.live_uses() - before == 1


@pytest.mark.timing
def test_an_open_write_of_a_session_that_is_not_shown_ends_with_the_remedy(new_shop: NewShop) -> None:
    shop = new_shop()

    with shop.app.test_request_context("/checkout"):
        shop.apply()
        shop.session.add(Purchase(number="A1", state="open"))
        shop.session.flush()
        if on_sqlite(shop):
            with pytest.raises(LedgerUnavailable, match="committed the order"):
                shop.benefits.redeem("A1")
        else:
            assert shop.benefits.redeem("A1") is not None
        shop.session.rollback()


@pytest.mark.parametrize("call", ["redeem", "rollback", "refund"])
def test_an_open_write_in_flask_sqlalchemys_session_is_found_without_being_shown(new_shop: NewShop, call: str) -> None:
    shop = new_shop()
    shop.app.config["SQLALCHEMY_ENGINES"] = {"default": shop.engine.url}
    db = FlaskSQLAlchemyLite(shop.app)

    with shop.app.test_request_context("/checkout"):
        shop.apply()
        db.session.add(Purchase(number="A1", state="open"))
        db.session.flush()
        began = time.monotonic()
        if on_sqlite(shop):
            with pytest.raises(LedgerUnavailable, match=rf"Commit the order first, then call {call}\(\)"):
                getattr(shop.benefits, call)("A1")
            assert time.monotonic() - began < SOON
        else:
            getattr(shop.benefits, call)("A1")
        db.session.rollback()
        db.engine.dispose()


def test_a_block_that_raises_over_an_open_write_leaves_the_rollback_to_the_worker(
    new_shop: NewShop, caplog: pytest.LogCaptureFixture
) -> None:
    shop = new_shop()
    before = shop.live_uses()

    def capture(purchase: Purchase) -> None:
        purchase.state = "capturing"
        shop.session.flush()
        raise ConnectionError("the card was declined")

    with shop.app.test_request_context("/checkout"):
        shop.apply()
        purchase = shop.open("A1")
        began = time.monotonic()
        with pytest.raises(ConnectionError), shop.benefits.redeeming("A1", session=shop.session):
            capture(purchase)
        took = time.monotonic() - began
        purchase.state = "cancelled"
        shop.session.commit()

    assert shop.stored("A1") == "cancelled"
    if on_sqlite(shop):
        assert took < SOON
        assert "the worker rolls its redemption back" in caplog.text
    else:
        assert shop.live_uses() == before


def test_a_read_of_the_shop_is_no_open_write(new_shop: NewShop) -> None:
    shop = new_shop()
    if on_sqlite(shop):  # the recipe of SQLAlchemy's documentation: transactions begin with the first read
        event.listen(shop.engine, "connect", lambda connection, _record: setattr(connection, "isolation_level", None))
        event.listen(shop.engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
        shop.engine.dispose()

    with shop.app.test_request_context("/checkout"):
        shop.apply()
        shop.open("A1")
        shop.session.get(Purchase, "A1")
        with shop.benefits.redeeming("A1", session=shop.session) as use:
            pass

    assert use is not None


def test_a_write_of_another_connection_is_no_open_write_of_this_request(new_shop: NewShop) -> None:
    shop = new_shop()

    with shop.app.test_request_context("/checkout"), Session(shop.engine) as another:
        shop.open("A1")
        shop.session.get(Purchase, "A1")
        another.add(Purchase(number="B1", state="open"))
        another.flush()

        shop.runtime.check_session(shop.session, "redeem()")
