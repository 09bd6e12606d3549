"""Join the shop's own database transaction, and learn when it is really committed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

_KEY = "claimable_benefits"
AnySession = Session | scoped_session[Any] | Connection  # Any: shops have session classes of their own


def connection_of(session: AnySession) -> Connection:
    """Return the connection on which the shop's transaction runs. Raises `TypeError` for anything else."""
    if isinstance(session, Connection):
        return session
    if isinstance(session, Session | scoped_session):
        return session.connection()
    kind = type(session).__name__
    raise TypeError(f"session= takes a SQLAlchemy Session, scoped_session or Connection, not {kind}.")


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
