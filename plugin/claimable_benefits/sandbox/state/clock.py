"""The sandbox's time: the given clock, shifted or frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from claimable_benefits.sandbox.state.times import from_stamp, stamp

BaseClock = Callable[[], datetime]
FROZEN, SHIFT = "clock.frozen", "clock.shift"


def system_clock() -> datetime:
    """Return the machine's time, aware and in UTC."""
    return datetime.now(UTC)


def current_time(base: BaseClock, settings: Mapping[str, str]) -> datetime:
    """Return the sandbox's time in UTC and whole seconds, from the base clock and the stored settings."""
    frozen = settings.get(FROZEN)
    if frozen:
        return from_stamp(frozen)
    moment = base().astimezone(UTC) + timedelta(seconds=int(settings.get(SHIFT, "0")))
    return moment.replace(microsecond=0)


def frozen_at(moment: datetime) -> dict[str, str]:
    """Return the settings that stop the clock at a moment."""
    return {FROZEN: stamp(moment), SHIFT: "0"}


def advanced(base: BaseClock, settings: Mapping[str, str], seconds: int) -> dict[str, str]:
    """Return the settings that move the clock by seconds; a frozen clock stays frozen."""
    if settings.get(FROZEN):
        return frozen_at(current_time(base, settings) + timedelta(seconds=seconds))
    return {FROZEN: "", SHIFT: str(int(settings.get(SHIFT, "0")) + seconds)}


def running() -> dict[str, str]:
    """Return the settings that follow the base clock again, without any shift."""
    return {FROZEN: "", SHIFT: "0"}


def resumed(base: BaseClock, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that let the clock run on from the time it shows."""
    return _shifted(base, current_time(base, settings))


def set_to(base: BaseClock, settings: Mapping[str, str], moment: datetime) -> dict[str, str]:
    """Return the settings that put the clock to a moment; a frozen clock stays frozen, a running one runs on."""
    return frozen_at(moment) if settings.get(FROZEN) else _shifted(base, moment)


def _shifted(base: BaseClock, moment: datetime) -> dict[str, str]:
    shift = moment - base().astimezone(UTC).replace(microsecond=0)
    return {FROZEN: "", SHIFT: str(int(shift.total_seconds()))}
