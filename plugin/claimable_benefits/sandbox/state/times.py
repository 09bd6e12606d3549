"""Times on the wire and in the store: local wall clock in, UTC out, never with an offset (Omneo facts 1.5)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

_WIRE = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d))?", re.ASCII)
_YEARS = range(1900, 2200)  # beyond these, zone arithmetic overflows
_LATEST = datetime(9998, 12, 31, 23, 59, 59, tzinfo=UTC)


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


def is_zone(name: str) -> bool:
    """Return whether `name` is an IANA time zone, as in ``Australia/Melbourne``."""
    return name in _zone_names()


def parse_wall(text: str) -> datetime:
    """Read ``YYYY-MM-DD HH:MM:SS``, or a date as its midnight, as a naive wall clock; ValueError otherwise."""
    found = _WIRE.fullmatch(text)
    if found is None or int(found[1]) not in _YEARS:
        raise ValueError(text)
    return datetime(*(int(part) for part in found.groups(default="0")))  # type: ignore[arg-type]  # noqa: DTZ001 - a wall clock has no zone; to_utc adds it


def to_utc(wall: datetime, zone: str) -> datetime:
    """Read a naive wall clock in an IANA zone as an aware UTC time."""
    return wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def stamp(moment: datetime) -> str:
    """Write an aware time as UTC ``YYYY-MM-DD HH:MM:SS``; such texts sort as times do."""
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat(sep=" ")


def from_stamp(text: str) -> datetime:
    """Read a stamp of the store as an aware UTC time."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def serialize_time(text: str | None, zone: str | None, *, echo: bool) -> str | None:
    """Return a stamp as an answer shows it: in UTC, or as the wall clock that was sent (switch ``dates``)."""
    if text is None or not echo or zone is None:
        return text
    return from_stamp(text).astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat(sep=" ")


def end_of_day(day: date, zone: str) -> datetime:
    """Return the last second of a local day, in UTC; the year 9998 stands for anything later."""
    if day >= _LATEST.date():
        return _LATEST
    return datetime.combine(day, time(23, 59, 59), ZoneInfo(zone)).astimezone(UTC)


def local_day(moment: datetime, zone: str) -> date:
    """Return the day that a clock on the wall shows at a moment."""
    return moment.astimezone(ZoneInfo(zone)).date()
