"""A connection instead of a session: the same commit; the worker finds it at its next look."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from tests.ledger.session_hooks.conftest import Shop


def test_order_and_transaction_are_committed_together(plain: Shop) -> None:
    with plain.engine.begin() as connection:
        plain.submit("A1", connection)
        before = plain.seen()

    assert before == ([], [])
    assert plain.seen() == (["A1"], ["A1"])


def test_order_and_transaction_are_rolled_back_together(plain: Shop) -> None:
    with plain.engine.connect() as connection:
        plain.submit("A1", connection)
        connection.rollback()
        with connection.begin():
            plain.submit("A2", connection)

    assert plain.seen() == (["A2"], ["A2"])


def test_a_savepoint_of_a_connection_is_undone_alone(plain: Shop) -> None:
    with plain.engine.begin() as connection:
        plain.submit("A1", connection)
        savepoint = connection.begin_nested()
        plain.submit("A2", connection)
        savepoint.rollback()

    assert plain.seen() == (["A1"], ["A1"])


def test_a_session_within_a_transaction_of_somebody_else_wakes_nobody(plain: Shop) -> None:
    with plain.engine.connect() as connection:
        outer = connection.begin()
        # Python's sqlite3 begins a transaction with the first row that is written, and not with a savepoint.
        connection.execute(text("insert into shop_sales values ('before')"))
        with Session(connection, join_transaction_mode="create_savepoint") as session:
            plain.submit("A1", session)
            session.commit()
        outer.rollback()

    assert plain.wakes == []
    assert plain.seen() == ([], [])
