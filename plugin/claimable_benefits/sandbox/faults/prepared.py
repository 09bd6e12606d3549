"""Answers that are kept until anything could change them.

An answer depends on the state, on the time and on the request. The state has a version that every commit of every
process raises; of the time only the moments matter that the state itself names, such as the expiry of a benefit.
"""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from claimable_benefits.sandbox.faults.corruption import FaultyResponse
from claimable_benefits.sandbox.state.clock import BaseClock, now_of
from claimable_benefits.sandbox.state.store import Store, load_settings
from claimable_benefits.sandbox.state.times import stamp

_KEPT = 4_096
_WORTH_IT = re.compile(r"/api/v3/profiles/[^/]+/(?:benefits|benefits/\d+|redeemable_benefits)")
_HEADERS = ("HTTP_AUTHORIZATION", "HTTP_HOST", "HTTP_ACCEPT", "wsgi.url_scheme", "SCRIPT_NAME")
_TURNING = ("_at", "valid_from", "valid_to")
_PAST = ("created_at", "updated_at")
_NEVER = "9999"

Key = tuple[Any, ...]


class Prepared:
    """The answers that hold now, and what the state is set to; both read anew whenever the state changes."""

    def __init__(self, store: Store, clock: BaseClock) -> None:
        self._store = store
        self._clock = clock
        self._guard = threading.Lock()
        self._version = -1
        self._settings: Mapping[str, str] = {}
        self._since, self._until = "", ""
        self._answers: dict[Key, FaultyResponse] = {}

    def now(self) -> datetime:
        """Return the sandbox's time."""
        with self._guard:
            self._look()
            return now_of(self._clock, self._settings)

    def find(self, environ: Mapping[str, Any]) -> tuple[datetime, Key | None, FaultyResponse | None]:
        """Return the sandbox's time, the key under which to `keep` an answer, and the answer that is kept."""
        worth = environ["REQUEST_METHOD"] == "GET" and _WORTH_IT.fullmatch(environ["PATH_INFO"])
        with self._guard:
            self._look()
            now = now_of(self._clock, self._settings)
            if not worth:
                return now, None, None
            if not self._is_within(stamp(now)):
                self._start(stamp(now))
            asked = (environ["PATH_INFO"], environ.get("QUERY_STRING", ""), *(environ.get(name) for name in _HEADERS))
            key = (self._version, self._since, *asked)
            return now, key, self._answers.get(key)

    def keep(self, key: Key, answer: FaultyResponse) -> None:
        """Keep an answer that was made after `find` gave out the key; `find` gives out another one after any change."""
        with self._guard:
            self._look()
            now = stamp(now_of(self._clock, self._settings))
            if answer.code == 200 and self._is_within(now):
                if len(self._answers) >= _KEPT:
                    self._answers.clear()
                self._answers[key] = answer

    def _look(self) -> None:
        """Forget everything if anybody has written since the last look."""
        version = self._store.version()
        if version != self._version:
            with self._store.lent() as db:
                self._settings = load_settings(db)
            self._version, self._since, self._until = version, "", ""
            self._answers.clear()

    def _is_within(self, now: str) -> bool:
        return self._since == now or self._since < now < self._until

    def _start(self, now: str) -> None:
        """Begin a span of time in which no moment lies that the state names."""
        self._answers.clear()
        with self._store.lent() as db:
            self._since, self._until = now, next_moment(db, now)


def next_moment(db: sqlite3.Connection, now: str) -> str:
    """Return the first time in the state, from `now` on, at which an answer may change; all are stamps."""
    parts = [
        f"SELECT min({column}) AS moment FROM {table} WHERE {column} >= ?"  # noqa: S608 - names of our own schema
        for table, column in _moments(db)
    ]
    sql = f"SELECT min(moment) FROM ({' UNION ALL '.join(parts)})"  # noqa: S608 - likewise
    found: str | None = db.execute(sql, [now] * len(parts)).fetchone()[0]
    return found or _NEVER


def _moments(db: sqlite3.Connection) -> list[tuple[str, str]]:
    rows = db.execute(
        "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'"
    ).fetchall()
    return [(table, column) for table, column in rows if column.endswith(_TURNING) and column not in _PAST]
