"""The sandbox's state: one SQLite file that threads and processes share."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

FILE_NAME = "sandbox.sqlite3"
TABLES = (
    "profiles",
    "identities",
    "definitions",
    "allocations",
    "benefits",
    "redemptions",
    "redemption_items",
    "transactions",
    "events",
    "locations",
    "tokens",
    "webhooks",
    "webhook_deliveries",
)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS profiles (
  id TEXT PRIMARY KEY, email TEXT, tier_handle TEXT, doc TEXT NOT NULL, created_at TEXT NOT NULL, updated_at
  TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS profiles_email ON profiles (email);
CREATE TABLE IF NOT EXISTS identities (
  id INTEGER PRIMARY KEY AUTOINCREMENT, profile_id TEXT NOT NULL, handle TEXT NOT NULL, identifier TEXT NOT
  NULL,
  is_primary INTEGER NOT NULL, is_active INTEGER NOT NULL, merged_from TEXT,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL, UNIQUE (handle, identifier));
CREATE INDEX IF NOT EXISTS identities_identifier ON identities (identifier);
CREATE INDEX IF NOT EXISTS identities_profile ON identities (profile_id);
CREATE TABLE IF NOT EXISTS definitions (
  id INTEGER PRIMARY KEY AUTOINCREMENT, handle TEXT NOT NULL UNIQUE, name TEXT NOT NULL, type TEXT,
  external_id TEXT, campaign TEXT,
  period INTEGER NOT NULL, period_type TEXT NOT NULL, absolute_expiry TEXT, end_at TEXT,
  max_redemptions INTEGER, max_global_redemptions INTEGER,
  total_global_redemptions INTEGER NOT NULL DEFAULT 0, total_global_created INTEGER NOT NULL DEFAULT 0,
  is_claimable INTEGER NOT NULL, is_reclaimable INTEGER NOT NULL, is_published INTEGER NOT NULL, is_archived
  INTEGER NOT NULL,
  is_extendable INTEGER NOT NULL, force_allocation INTEGER NOT NULL,
  claim_period_start_at TEXT, claim_period_end_at TEXT, doc TEXT NOT NULL, created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS allocations (
  id INTEGER PRIMARY KEY AUTOINCREMENT, definition_id INTEGER NOT NULL, code TEXT NOT NULL, name TEXT, value
  REAL, external_id TEXT,
  valid_from TEXT, valid_to TEXT, allocated_at TEXT, benefit_id INTEGER, created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS allocations_free ON allocations (definition_id, allocated_at);
CREATE TABLE IF NOT EXISTS benefits (
  id INTEGER PRIMARY KEY AUTOINCREMENT, definition_id INTEGER NOT NULL, profile_id TEXT NOT NULL,
  external_id TEXT,
  issued_at TEXT NOT NULL, expires_at TEXT, timezone TEXT NOT NULL, claimed_at TEXT, extended_at TEXT, used
  INTEGER NOT NULL DEFAULT 0,
  redeem_code_pos TEXT, redeem_code_online TEXT, value REAL, meta TEXT, created_at TEXT NOT NULL, updated_at
  TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS benefits_profile ON benefits (profile_id, definition_id);
CREATE INDEX IF NOT EXISTS benefits_definition ON benefits (definition_id);
CREATE TABLE IF NOT EXISTS redemptions (
  id INTEGER PRIMARY KEY AUTOINCREMENT, profile_id TEXT NOT NULL, type TEXT NOT NULL, external_id TEXT,
  redeem_at TEXT, timezone TEXT,
  rolls_back INTEGER, reversed_by INTEGER, transaction_id INTEGER, transaction_external_id TEXT,
  transaction_receipt_ref TEXT,
  location_id INTEGER, meta TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS redemptions_profile ON redemptions (profile_id);
CREATE INDEX IF NOT EXISTS redemptions_external ON redemptions (external_id);
CREATE INDEX IF NOT EXISTS redemptions_order ON redemptions (transaction_external_id);
CREATE TABLE IF NOT EXISTS redemption_items (
  id INTEGER PRIMARY KEY AUTOINCREMENT, redemption_id INTEGER NOT NULL, benefit_id INTEGER NOT NULL, count
  INTEGER NOT NULL,
  returned INTEGER NOT NULL DEFAULT 0, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS items_redemption ON redemption_items (redemption_id);
CREATE INDEX IF NOT EXISTS items_benefit ON redemption_items (benefit_id);
CREATE TABLE IF NOT EXISTS transactions (
  id INTEGER PRIMARY KEY AUTOINCREMENT, external_id TEXT, profile_id TEXT, redemption_id INTEGER, total REAL
  NOT NULL,
  transacted_at TEXT NOT NULL, timezone TEXT NOT NULL, receipt_ref TEXT, order_number TEXT, status TEXT,
  type TEXT,
  location_id INTEGER, is_void INTEGER NOT NULL DEFAULT 0, doc TEXT NOT NULL, created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS transactions_external ON transactions (external_id);
CREATE INDEX IF NOT EXISTS transactions_profile ON transactions (profile_id);
CREATE TABLE IF NOT EXISTS events (
  id INTEGER PRIMARY KEY AUTOINCREMENT, trigger TEXT NOT NULL, subject TEXT NOT NULL, subject_id TEXT NOT
  NULL, profile_id TEXT,
  created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS locations (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, external_id TEXT, doc TEXT NOT NULL,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL UNIQUE, scopes TEXT NOT NULL, revoked INTEGER NOT NULL,
  expires_at TEXT NOT NULL, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS webhooks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, trigger TEXT NOT NULL, url TEXT NOT NULL, namespace TEXT NOT NULL,
  is_active INTEGER NOT NULL, queue TEXT NOT NULL, doc TEXT NOT NULL, created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS webhook_deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT, event_id INTEGER NOT NULL, webhook_id INTEGER NOT NULL, trigger TEXT NOT NULL,
  url TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0, status INTEGER,
  error TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_due ON webhook_deliveries (state);
"""

# SQLite makes those who wait for its lock sleep, for longer each time; this lock spares threads of one process that.
_write_lock = threading.RLock()


class Store:
    """A pool of connections to the state, one per request.

    Without a folder the state lives in a temporary one that disappears with the store.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._temporary = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="omneo-sandbox-"))
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path = self.folder / FILE_NAME
        self._idle: deque[sqlite3.Connection] = deque()
        self._finalizer = weakref.finalize(self, _close_all, self._idle, self.folder if self._temporary else None)
        with self.connection() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")  # one commit, not thirty

    def acquire(self) -> sqlite3.Connection:
        """Return a connection that nothing else uses until `release`."""
        try:
            return self._idle.pop()
        except IndexError:
            return self._open()

    def release(self, db: sqlite3.Connection) -> None:
        """Return a connection to the pool."""
        if db.in_transaction:
            db.rollback()
        if self._finalizer.alive:
            self._idle.append(db)
        else:
            db.close()

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Acquire a connection for the length of a block."""
        db = self.acquire()
        try:
            yield db
        finally:
            self.release(db)

    def close(self) -> None:
        """Close every idle connection, and remove a temporary folder."""
        self._finalizer()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=15, isolation_level=None, check_same_thread=False)
        db.row_factory = sqlite3.Row
        # The state has to survive the process, not the machine: a power failure may cost the last writes.
        db.execute(f"PRAGMA synchronous = {'OFF' if self._temporary else 'NORMAL'}")
        return db


@contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """Make the block atomic: it holds the one write lock from its first line, and rolls back when it raises."""
    with _write_lock:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


def insert(db: sqlite3.Connection, table: str, row: Mapping[str, object]) -> int:
    """Insert a row and return its number; names come from our own code, values are bound."""
    marks = ", ".join("?" * len(row))
    sql = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})"  # noqa: S608 - names are ours
    return db.execute(sql, tuple(row.values())).lastrowid or 0


def update(db: sqlite3.Connection, table: str, key: object, row: Mapping[str, object]) -> None:
    """Change the named columns of the row with this id."""
    changes = ", ".join(f"{name} = ?" for name in row)
    db.execute(f"UPDATE {table} SET {changes} WHERE id = ?", (*row.values(), key))  # noqa: S608 - names are ours


def find(db: sqlite3.Connection, table: str, key: object) -> sqlite3.Row | None:
    """Return the row with this id."""
    sql = f"SELECT * FROM {table} WHERE id = ?"  # noqa: S608 - names are ours
    row: sqlite3.Row | None = db.execute(sql, (key,)).fetchone()
    return row


def load_settings(db: sqlite3.Connection) -> dict[str, str]:
    """Return what the clock and the switches are set to."""
    return {row[0]: row[1] for row in db.execute("SELECT name, value FROM settings")}


def save_settings(db: sqlite3.Connection, settings: Mapping[str, str]) -> None:
    """Set some of the settings."""
    with writing(db):
        db.executemany("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", list(settings.items()))


def delete_all(db: sqlite3.Connection, tables: Iterable[str] = TABLES) -> None:
    """Empty the tables and restart their numbers; settings stay. Call it inside `writing()`."""
    for table in tables:
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - names are ours
    db.execute("DELETE FROM sqlite_sequence")


def _close_all(idle: deque[sqlite3.Connection], temporary: Path | None) -> None:
    while idle:
        idle.pop().close()
    if temporary is not None:
        shutil.rmtree(temporary, ignore_errors=True)
