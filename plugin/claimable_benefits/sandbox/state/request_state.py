"""What a verb needs to know: the state, the time and the switches, fixed for one request."""

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
from claimable_benefits.sandbox.state.clock import BaseClock, now_of
from claimable_benefits.sandbox.state.clock_control import ClockControl
from claimable_benefits.sandbox.state.fault_injector import FaultInjector
from claimable_benefits.sandbox.state.switches import positions
from claimable_benefits.sandbox.state.times import shown, stamp

_KEY = "omneo_sandbox"


@dataclass(frozen=True)
class Sandbox:
    """What belongs to one app: its state, its clock, its token, the tenant's time zone, the dial and the ledger."""

    store: store.Store
    clock: BaseClock
    token: str
    zone: str
    faults: FaultInjector = field(default_factory=FaultInjector)
    calls: CallLog = field(default_factory=CallLog)

    @property
    def clock_control(self) -> ClockControl:
        """Return what moves the clock."""
        return ClockControl(self.store, self.clock)


@dataclass(frozen=True)
class RequestState:
    """One look at the sandbox; `now` is aware UTC in whole seconds."""

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

    def shown(self, moment: str | None, zone: str | None) -> str | None:
        """Return a stored time as answers show it under the switch ``dates``."""
        return shown(moment, zone, echo=self.switches["dates"] == "echo")


def snapshot_state(box: Sandbox, db: sqlite3.Connection) -> RequestState:
    """Return the scene as it is now."""
    settings = store.load_settings(db)
    return RequestState(db, now_of(box.clock, settings), positions(settings), box.zone)


def install(app: Flask, box: Sandbox) -> None:
    """Give an app its sandbox; each request borrows one connection and gives it back."""
    app.extensions[_KEY] = box
    app.teardown_appcontext(_give_back)


def sandbox(app: Flask | None = None) -> Sandbox:
    """Return the sandbox of an app, the current one by default."""
    box: Sandbox = (app or current_app).extensions[_KEY]
    return box


def request_state() -> RequestState:
    """Return the scene of the current request."""
    found: RequestState | None = g.get(_KEY)
    if found is None:
        box = sandbox()
        found = snapshot_state(box, box.store.borrow())
        setattr(g, _KEY, found)
    return found


def _give_back(_error: BaseException | None) -> None:
    found: RequestState | None = g.pop(_KEY, None)
    if found is not None:
        sandbox().store.give_back(found.db)
