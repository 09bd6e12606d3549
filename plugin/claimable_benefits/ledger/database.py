"""The connection to the ledger, for reading and for writing."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, func, select
from sqlalchemy.exc import DBAPIError

from claimable_benefits.domain.references import external_id_of
from claimable_benefits.ledger.clock import Monotonic, ServerClock, Wall, machine_time
from claimable_benefits.ledger.compiled import CompiledQuery
from claimable_benefits.ledger.db_errors import translate_db_errors, words
from claimable_benefits.ledger.engine import begin_to_write, is_sqlite, open_engine, open_for_single_reads
from claimable_benefits.ledger.same_database import SameDatabase, has_written
from claimable_benefits.ledger.schema import SCHEMA, Schema
from claimable_benefits.ledger.shops import OPTION, THIS_SHOP, Acting, Shop, find_shop, stamp_shop
from claimable_benefits.ledger.write_lock import WriteLock

BUSY_SECONDS = 5.0
# Another process may be migrating the tables; with a million rows that takes a while.
UPGRADE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _OpenedShop:
    """A shop, and the engine with its id as an option; both share one pool of connections."""

    shop: Shop
    reading: Engine
    writing: Engine


class Ledger:
    """Holds, uses, claims and deliveries of one shop in one database, which should be the shop's own.

    ``tenant`` is the normalised base URL of the shop's tenant at Omneo: rows of other tenants in the same database are
    neither seen nor changed (see `claimable_benefits.ledger.shops`). ``order_prefix`` stands before the numbers of new
    orders at Omneo. ``wait`` is for how many seconds a lock is waited
    for; ``wall`` and ``monotonic`` are this process's clocks; ``schema`` is another one in tests of later migrations.
    Raises `ValueError` where ``url`` names neither an SQLite nor a PostgreSQL database.
    """

    def __init__(
        self,
        url: str,
        *,
        tenant: str = "",
        order_prefix: str = "",
        wait: float = BUSY_SECONDS,
        wall: Wall = machine_time,
        monotonic: Monotonic = time.monotonic,
        schema: Schema = SCHEMA,
    ) -> None:
        self.engine = open_engine(url, wait=wait)
        self._url = url
        self._tenant = tenant
        self._order_prefix = order_prefix
        self._opened: _OpenedShop | None = None
        self._schema = schema
        # SQLite has it anyway; PostgreSQL would let each statement of a block see a later moment.
        self._snapshot = {} if is_sqlite(self.engine.url) else {"isolation_level": "REPEATABLE READ"}
        self._single_reads = open_for_single_reads(self.engine)
        self._same_database = SameDatabase(self.engine)
        self._write_lock = WriteLock(needed=is_sqlite(self.engine.url), wait=wait)
        self._clock = wall if is_sqlite(self.engine.url) else ServerClock(self._server_time, monotonic=monotonic)

    @property
    def clock(self) -> Wall:
        """The one clock of this ledger for every process: aware times in UTC.

        PostgreSQL's own; for SQLite, whose processes share a machine, the machine's. Raises `LedgerUnavailable` where
        the server cannot be asked.
        """
        return self._clock

    @property
    def shop(self) -> Shop:
        """The shop whose rows this ledger reads and writes; stamped when it is first asked for.

        Raises `LedgerUnavailable`.
        """
        return (self._opened or self._open_shop()).shop

    def create_tables(self) -> None:
        """Create the tables, or bring those of an earlier version up to date; every row is kept.

        Raises `SettingsError` for tables of a newer version, and `LedgerUnavailable`.
        """
        with translate_db_errors(), self._migration_engine() as engine:
            self._schema.upgrade(engine)
        # What the server alone knows is asked now: submit() runs within the shop's transaction, and where a pooler's
        # connections are all in use by such ones, none may wait for a second connection.
        with translate_db_errors():
            self._same_database.remember()
        self._clock()

    def version(self) -> str | None:
        """The version of the tables; None where there are none."""
        with translate_db_errors(), self.engine.connect() as connection:
            return self._schema.version_of(connection)

    @property
    def newest(self) -> str:
        """The newest version of the tables that this release of the package knows."""
        return self._schema.newest

    def downgrade(self, to: str) -> None:
        """Bring the tables back to version ``to``, for an earlier release; columns that it does not know are dropped.

        All of it happens or nothing. Raises `ValueError` where that is no version, or not an earlier one, or where a
        row does not fit into the earlier tables; `SettingsError` for tables of a newer version; `LedgerUnavailable`.
        """
        try:
            with translate_db_errors(), self._migration_engine() as engine:
                self._schema.downgrade(engine, to)
        except DBAPIError as error:
            raise ValueError(f"The database refuses to go down to version {to}: {words(error)}.") from error

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read one consistent snapshot, without a lock. Raises `LedgerUnavailable`."""
        shop = self._opened or self._open_shop()
        with translate_db_errors(), shop.reading.connect() as connection:
            yield connection

    def fetch_one(self, query: CompiledQuery, values: Mapping[str, str]) -> Sequence[Any] | None:
        """Read the first row of one statement, without a lock, or None. Raises `LedgerUnavailable`."""
        shop = self._opened or self._open_shop()
        with translate_db_errors():
            return query.fetch_one(self._single_reads, {**values, THIS_SHOP: shop.shop.shop_id})

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Write in one transaction: commit at the end of the block, roll back if it raises. Never call Omneo inside.

        Raises `LedgerUnavailable`. Where the connection breaks during the commit, it may or may not have committed: the
        rows show it once the server answers, and every movement is safe to retry.
        """
        shop = self._opened or self._open_shop()
        with self._write(shop.writing) as connection:
            yield connection

    def join(self, connection: Connection) -> Connection:
        """Let a connection of the host's, which reaches this database, act for this shop; return it.

        Raises `LedgerUnavailable`.
        """
        return connection.execution_options(**{OPTION: Acting(self.shop.shop_id, self._order_prefix)})

    def external_id_of(self, order_number: str) -> str:
        """Return the external id that an order gets which the ledger does not know yet."""
        return external_id_of(order_number, self._order_prefix)

    def order_number_of(self, external_id: str | None) -> str | None:
        """Return the order number behind an external id at Omneo, as the shop knows it."""
        return external_id.removeprefix(self._order_prefix) if external_id else external_id

    def is_same_database(self, connection: Connection) -> bool:
        """Whether ``connection`` (the shop's) writes to this ledger's tables. Raises `LedgerUnavailable`."""
        with translate_db_errors():
            return self._same_database.reaches(connection)

    @property
    def has_one_lock(self) -> bool:
        """Whether one open write anywhere makes every other write wait, as on SQLite."""
        return is_sqlite(self.engine.url)

    def is_locked_by(self, connection: Connection) -> bool:
        """Whether ``connection`` (the shop's) holds the lock for which a write here would wait.

        It is certain: a write of another connection or process, or a read of this one, is no such lock.
        """
        if not self.has_one_lock or connection.dialect.name != "sqlite" or not has_written(connection):
            return False
        return self.is_same_database(connection)

    def close(self) -> None:
        """Close every connection of this process; a later read or write opens new ones."""
        self._single_reads.dispose()
        self.engine.dispose()

    @contextmanager
    def _write(self, engine: Engine) -> Iterator[Connection]:
        with self._write_lock.acquire(), translate_db_errors(), engine.connect() as connection:
            begin_to_write(connection)
            with connection.begin():
                yield connection

    def _open_shop(self) -> _OpenedShop:
        """Find the shop of this tenant, or stamp it; once for each process."""
        with translate_db_errors(), self.engine.connect() as connection:
            shop = find_shop(connection, self._tenant)
        if shop is None:
            now = self.clock()
            with self._write(self.engine) as connection:
                shop = stamp_shop(connection, self._tenant, now)
        of_shop = {OPTION: Acting(shop.shop_id, self._order_prefix)}
        reading = self.engine.execution_options(**self._snapshot, **of_shop)
        self._opened = _OpenedShop(shop, reading, self.engine.execution_options(**of_shop))
        return self._opened

    def _server_time(self) -> datetime:
        with translate_db_errors(), self.engine.connect() as connection:
            now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
            return now

    @contextmanager
    def _migration_engine(self) -> Iterator[Engine]:
        """Connections of their own, which wait longer, and are closed before a server forks its workers."""
        engine = open_engine(self._url, wait=UPGRADE_SECONDS, pool=NullPool)
        try:
            yield engine
        finally:
            engine.dispose()
