"""The store, the time and the switches as one request sees them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from flask import Flask, current_app, g

from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.call_log import CallLog
from claimable_benefits.sandbox.state.clock import BaseClock, current_time
from claimable_benefits.sandbox.state.clock_control import ClockControl
from claimable_benefits.sandbox.state.fault_injector import FaultInjector
from claimable_benefits.sandbox.state.switches import switch_values
from claimable_benefits.sandbox.state.times import serialize_time, stamp

_KEY = "omneo_sandbox"


@dataclass(frozen=True)
class Sandbox:
    """What belongs to one app: its store, clock, token, the tenant's time zone, the faults and the log of calls.

    ``seed`` is what it was started with.
    """

    store: store.Store
    clock: BaseClock
    token: str
    zone: str
    seed: str = "empty"
    faults: FaultInjector = field(default_factory=FaultInjector)
    calls: CallLog = field(default_factory=CallLog)

    @property
    def clock_control(self) -> ClockControl:
        """Return what moves the clock."""
        return ClockControl(self.store, self.clock)


@dataclass(frozen=True)
class RequestState:
    """The sandbox as one request sees it; `now` is aware UTC in whole seconds."""

    db: sqlite3.Connection
    now: datetime
    switches: Mapping[str, str]
    zone: str

    @cached_property
    def stamp(self) -> str:
        """Return now as the store writes it."""
        return stamp(self.now)

    def writing(self) -> AbstractContextManager[None]:
        """Make a block atomic."""
        return store.writing(self.db)

    def serialize_time(self, moment: str | None, zone: str | None) -> str | None:
        """Return a stored time as answers show it under the switch ``dates``."""
        return serialize_time(moment, zone, echo=self.switches["dates"] == "echo")

    def sent_zone(self, zone: str | None) -> str | None:
        """Return the zone in which a sent time is read: its own, or UTC on a tenant that does not convert it."""
        return "UTC" if self.switches["dates"] == "naive" else zone


def snapshot_state(instance: Sandbox, db: sqlite3.Connection) -> RequestState:
    """Return the sandbox as it is now."""
    settings = store.load_settings(db)
    return RequestState(db, current_time(instance.clock, settings), switch_values(settings), instance.zone)


def install(app: Flask, instance: Sandbox) -> None:
    """Give an app its sandbox; each request acquires one connection and releases it."""
    app.extensions[_KEY] = instance
    app.teardown_appcontext(_release_connection)


def sandbox(app: Flask | None = None) -> Sandbox:
    """Return the sandbox of an app, the current one by default."""
    instance: Sandbox = (app or current_app).extensions[_KEY]
    return instance


def request_state() -> RequestState:
    """Return the state of the current request."""
    found: RequestState | None = g.get(_KEY)
    if found is None:
        instance = sandbox()
        found = snapshot_state(instance, instance.store.acquire())
        setattr(g, _KEY, found)
    return found


def _release_connection(_error: BaseException | None) -> None:
    found: RequestState | None = g.pop(_KEY, None)
    if found is not None:
        sandbox().store.release(found.db)
