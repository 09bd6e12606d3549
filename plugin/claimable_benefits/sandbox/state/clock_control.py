"""Control of the sandbox's clock: freeze, move and resume it from Python."""

from __future__ import annotations

from datetime import UTC, datetime

from claimable_benefits.sandbox.state import clock, store
from claimable_benefits.sandbox.state.clock import BaseClock

_EARLIEST, _LATEST = 1950, 2150


class ClockControl:
    """The clock of a sandbox; all processes over one folder share it, and expiry follows it."""

    def __init__(self, state: store.Store, base: BaseClock) -> None:
        self._store = state
        self._base = base

    @property
    def now(self) -> datetime:
        """Return the sandbox's time, aware and in UTC, in whole seconds."""
        with self._store.connection() as db:
            return clock.current_time(self._base, store.load_settings(db))

    @property
    def is_frozen(self) -> bool:
        """Return whether the clock is frozen."""
        with self._store.connection() as db:
            return bool(store.load_settings(db).get(clock.FROZEN))

    def freeze(self, at: datetime | None = None) -> datetime:
        """Stop the clock, at an aware time or at its own, and return the time it shows."""
        return self._set(clock.frozen_at(_aware(at or self.now)))

    def move(self, *, to: datetime | None = None, seconds: int = 0) -> datetime:
        """Move the clock to an aware time, by seconds, or both, and return its time; stopped or not, it stays so."""
        with self._store.connection() as db:
            settings = store.load_settings(db)
        changed = clock.set_to(self._base, settings, _aware(to)) if to else {}
        return self._set(clock.advanced(self._base, {**settings, **changed}, seconds))

    def resume(self) -> datetime:
        """Let the clock run on from the time it shows, and return that."""
        with self._store.connection() as db:
            settings = store.load_settings(db)
        return self._set(clock.resumed(self._base, settings))

    def follow(self) -> datetime:
        """Let the clock show the real time again, and return it."""
        return self._set(clock.running())

    def _set(self, settings: dict[str, str]) -> datetime:
        moment = clock.current_time(self._base, settings)
        check(moment)
        with self._store.connection() as db:
            store.save_settings(db, settings)
        return moment


def check(moment: datetime) -> None:
    """Raise ValueError for a time that the clock cannot show."""
    if not _EARLIEST <= moment.year <= _LATEST:
        raise ValueError(f"The clock goes from {_EARLIEST} to {_LATEST}.")


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("The time needs a time zone, as in datetime(2026, 1, 31, tzinfo=UTC).")
    check(moment)
    return moment.astimezone(UTC)
