"""Whether anything was committed to an SQLite database since somebody looked: a question that costs next to nothing."""

from __future__ import annotations

import os
import sqlite3
import threading
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import URL

from claimable_benefits.ledger.engine import is_sqlite

Moment = tuple[int, int]
_PATIENCE = 0.1  # seconds: the ledger itself can be asked instead
_SERIALIZED = 3  # SQLite was built for connections that threads share (PEP 249)


@dataclass(frozen=True, slots=True)
class _Window:
    """A connection that only looks. The versions that two of them tell cannot be compared, so each has a number."""

    number: int
    connection: sqlite3.Connection
    local: threading.local = field(default_factory=threading.local)
    pid: int = field(default_factory=os.getpid)

    def look(self) -> Moment:
        # A lock of ours would have the threads queue up behind whoever waits for the interpreter: SQLite has its own.
        cursor: sqlite3.Cursor | None = getattr(self.local, "cursor", None)
        if cursor is None:
            cursor = self.local.cursor = self.connection.cursor()
        # It counts the commits of all other connections, and this one makes none.
        return self.number, cursor.execute("PRAGMA data_version").fetchone()[0]


class Watch:
    """Names the state of a database file. Threads share a connection; after a fork, each process has its own."""

    def __init__(self, url: URL) -> None:
        is_file = is_sqlite(url) and not url.query and url.database not in (None, "", ":memory:")
        self._path = url.database if is_file and sqlite3.threadsafety == _SERIALIZED else None
        self._opening = threading.Lock()
        self._window: _Window | None = None
        self._inherited: list[_Window] = []
        self._number = 0

    def moment(self) -> Moment | None:
        """Another one after every commit, whichever process made it; None where that cannot be told.

        PostgreSQL has no such thing, and a database in memory is another one for each connection.
        """
        if self._path is None:
            return None
        try:
            window = self._window
            if window is None or window.pid != os.getpid():
                window = self._open(self._path)
            return window.look()
        except sqlite3.Error:  # whoever asks the ledger itself is told in words
            self.close()
            return None

    def close(self) -> None:
        window, self._window = self._window, None
        if window is not None and window.pid == os.getpid():
            window.connection.close()

    def _open(self, path: str) -> _Window:
        if self._window is not None and self._window.pid != os.getpid():
            # A lock is copied as it was. SQLite forbids to use a connection after a fork, even to close it.
            self._inherited.append(self._window)
            self._opening, self._window = threading.Lock(), None
        with self._opening:
            if self._window is None:
                address = f"{Path(path).absolute().as_uri()}?mode=ro"
                connection = sqlite3.connect(address, uri=True, check_same_thread=False, timeout=_PATIENCE)
                self._number += 1
                self._window = _Window(self._number, connection)
            return self._window
