"""What a test controls: the sandbox's clock, and its faults."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from claimable_benefits.sandbox.state.fault_injector import Fault
from claimable_benefits.sandbox.testing_kit.builders import Moment, OmneoSandbox, to_moment


class OmneoClock:
    """The time in the sandbox: expiry, claim windows and the ten minutes follow it; the shop's own clock does not."""

    def __init__(self, omneo: OmneoSandbox) -> None:
        self._sandbox = omneo
        self._control = omneo.running.clock

    @property
    def now(self) -> datetime:
        """Return the time in the sandbox, in UTC."""
        return self._control.now

    def freeze(self, at: Moment | None = None) -> datetime:
        """Stop the clock, now or at another time, and return that time."""
        with self._sandbox.request_state() as state:
            moment = None if at is None else to_moment(at, state.zone)
        return self._control.freeze(moment)

    def move(self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> datetime:
        """Move the clock on, or back by negative numbers, and return the new time; a stopped clock stays stopped."""
        span = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        return self._control.move(seconds=round(span.total_seconds()))

    def run(self) -> datetime:
        """Let the clock run on from the time it shows, and return that."""
        return self._control.resume()

    def follow(self) -> datetime:
        """Follow the machine's clock, and return its time."""
        return self._control.follow()


class OmneoFaults:
    """The faults; each method takes ``times`` (None: until `clear`), ``path`` (a pattern) and ``method``."""

    def __init__(self, omneo: OmneoSandbox) -> None:
        self._injector = omneo.running.faults

    def add(self, kind: str, **fields: Any) -> Fault:
        """Set any fault the sandbox knows; see the kinds at ``/_sandbox/faults``.

        :raises ValueError: when the kind or a field does not exist or has a value that it cannot have
        """
        return self._injector.add(kind, **fields)

    def slow(self, seconds: float, *, path: str = "*", times: int | None = None) -> Fault:
        """Delay answers by seconds."""
        return self.add("latency", seconds=seconds, path=path, times=times)

    def lose_request(self, *, path: str = "*", method: str = "*", times: int | None = 1) -> Fault:
        """Drop requests: nothing is applied, and no answer comes."""
        return self.add("drop", path=path, method=method, times=times)

    def lose_answer(self, *, path: str = "*", method: str = "POST", times: int | None = 1) -> Fault:
        """Apply requests and drop their answers, so that the shop does not know the outcome."""
        return self.add("apply_then_drop", path=path, method=method, times=times)

    def apply_late(self, seconds: float, *, path: str = "*", method: str = "POST", times: int | None = 1) -> Fault:
        """Apply requests some seconds (of the machine's clock) after their connection was closed."""
        return self.add("drop_then_apply", seconds=seconds, path=path, method=method, times=times)

    def answer(self, code: int, *, path: str = "*", method: str = "*", times: int | None = None) -> Fault:
        """Answer with a status from 400 to 599 and apply nothing."""
        return self.add("status", code=code, path=path, method=method, times=times)

    def throttle(self, retry_after: int = 1, *, path: str = "*", times: int | None = 1) -> Fault:
        """Answer 429 with Retry-After in seconds."""
        return self.add("429", retry_after=retry_after, path=path, times=times)

    def refuse_connections(self, *, times: int | None = None) -> Fault:
        """Refuse every connection."""
        return self.add("refuse", times=times)

    def clear(self) -> None:
        """Remove every fault."""
        self._injector.clear()
