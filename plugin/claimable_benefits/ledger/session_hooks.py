"""Join the shop's own database transaction, and learn when it is really committed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, event, update
from sqlalchemy.exc import UnboundExecutionError
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

from claimable_benefits.errors import SettingsError
from claimable_benefits.ledger.tables import outbox

_KEY = "claimable_benefits"
# A session with several databases chooses by what is asked of it: this is a write to our own table.
_OUR_WRITE: dict[str, Any] = {"clause": update(outbox)}
AnySession = Session | scoped_session[Any] | Connection  # Any: shops have session classes of their own


def connection_of(session: AnySession) -> Connection:
    """Return the connection on which the shop's transaction writes to our tables.

    A session that routes, to a reader or to several databases, is asked for the one of such a write. Raises
    `TypeError` for anything else than a session or connection, and `SettingsError` where the session has no database
    for our tables.
    """
    if isinstance(session, Connection):
        return session
    with _bound(session) as known:
        return known.connection(bind_arguments=dict(_OUR_WRITE))


@contextmanager
def connection_for_a_moment(session: AnySession) -> Iterator[Connection]:
    """The same for a check before the money moves: no transaction is begun on a session that has none.

    A database connection that a session holds while the payment is captured is one that other requests lack.
    """
    if isinstance(session, Connection):
        yield session
        return
    with _bound(session) as known:
        if known.in_transaction():
            yield known.connection(bind_arguments=dict(_OUR_WRITE))
            return
        bind = known.get_bind(**_OUR_WRITE)
    if isinstance(bind, Connection):
        yield bind
        return
    with bind.connect() as connection:
        yield connection


def is_in_transaction(session: AnySession) -> bool:
    """Whether a transaction has begun on the session or connection."""
    return (session() if isinstance(session, scoped_session) else session).in_transaction()


def request_session(extensions: Mapping[str, Any]) -> AnySession | None:
    """Return the session of Flask-SQLAlchemy, or of its Lite, where the app has one and this request has begun it."""
    session = getattr(extensions.get("sqlalchemy"), "session", None)
    if isinstance(session, scoped_session):
        return session if session.registry.has() else None
    return session if isinstance(session, Session) else None


@contextmanager
def _bound(session: Any) -> Iterator[Session]:
    if not isinstance(session, Session | scoped_session):
        kind = type(session).__name__
        raise TypeError(f"session= takes a SQLAlchemy Session, scoped_session or Connection, not {kind}.")
    try:
        yield session() if isinstance(session, scoped_session) else session
    except UnboundExecutionError as error:
        raise SettingsError(
            "session",
            "has no database for the tables of the extension.",
            'Give session=session.connection(bind_arguments={"mapper": …}) with the class of your orders.',
        ) from error


def after_commit(session: AnySession, call: Callable[[], None]) -> None:
    """Call ``call`` once what ``session`` has done until now is committed; never, where it is rolled back.

    A connection has no event after its commit, so for one it is never called. SQLAlchemy's own event for sessions fires
    for a released savepoint, too, and after a rollback it waits for the next commit.
    """
    if isinstance(session, Connection):
        return
    current: Session = session() if isinstance(session, scoped_session) else session
    pending = current.info.get(_KEY)
    if pending is None:  # once for each session, however many orders it commits: listeners cannot be taken off safely
        pending = current.info[_KEY] = _Pending()
        event.listen(current, "after_commit", pending.committed)
        event.listen(current, "after_transaction_end", pending.ended)
    innermost = _innermost(current)
    if innermost is not None:
        pending.calls.setdefault(innermost, []).append(call)


@dataclass(slots=True)
class _Pending:
    """What waits for a commit, by the transaction or savepoint in which it was asked for."""

    calls: dict[SessionTransaction, list[Callable[[], None]]] = field(default_factory=dict)

    def committed(self, session: Session) -> None:
        """Pass the calls of a savepoint on to the transaction around it; make those of the transaction itself."""
        done = _innermost(session)
        calls = self.calls.pop(done, []) if done is not None else []
        if done is not None and done.parent is not None:
            self.calls.setdefault(done.parent, []).extend(calls)
        elif not _is_part_of_another(session):
            for call in calls:
                call()

    def ended(self, _session: Session, transaction: SessionTransaction) -> None:
        """Drop what still waits: it was rolled back."""
        self.calls.pop(transaction, None)


def _innermost(session: Session) -> SessionTransaction | None:
    return session.get_nested_transaction() or session.get_transaction()


def _is_part_of_another(session: Session) -> bool:
    """Whether the session runs within a transaction that the shop began around it, as shops' tests do."""
    return isinstance(session.bind, Connection) and session.bind.in_transaction()
