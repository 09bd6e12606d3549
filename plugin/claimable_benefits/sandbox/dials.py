"""What a test turns: the sandbox's clock and its faults."""

from __future__ import annotations

from datetime import datetime, timedelta

from . import store
from .clock import advanced, frozen_at, running
from .scene import sandbox
from .stage import Moment, OmneoSandbox, as_moment


class OmneoClock:
    """The time in the sandbox: expiry, claim windows and the ten minutes follow it; the shop's own clock does not."""

    def __init__(self, stage: OmneoSandbox) -> None:
        self._stage = stage

    @property
    def now(self) -> datetime:
        """Return the time in the sandbox, in UTC."""
        with self._stage.scene() as scene:
            return scene.now

    def freeze(self, at: Moment | None = None) -> datetime:
        """Stop the clock, now or at another time, and return that time."""
        with self._stage.scene() as scene:
            moment = scene.now if at is None else as_moment(at, scene.zone)
            store.save_settings(scene.db, frozen_at(moment))
        return self.now

    def move(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> datetime:
        """Move the clock on, or back by negative numbers, and return the new time; a stopped clock stays stopped."""
        span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        with self._stage.scene() as scene:
            settings = store.load_settings(scene.db)
            changed = advanced(sandbox(self._stage.app).clock, settings, round(span.total_seconds()))
            store.save_settings(scene.db, changed)
        return self.now

    def run(self) -> datetime:
        """Go by the machine's clock again, and return its time."""
        with self._stage.scene() as scene:
            store.save_settings(scene.db, running())
        return self.now


class OmneoFaults:
    """The dial for faults."""

    def __init__(self, stage: OmneoSandbox) -> None:
        self._stage = stage
