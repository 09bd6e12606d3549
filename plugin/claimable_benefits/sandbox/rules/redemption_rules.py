"""The business rules (Omneo facts 16) as pure functions of rows and time."""

from __future__ import annotations

import calendar
import sqlite3
from collections.abc import Mapping
from datetime import date, datetime, timedelta

from claimable_benefits.sandbox.state.times import end_of_day, from_stamp, local_day, parse_wall, stamp, to_utc

PERIODS = ("days", "weeks", "months", "years", "absolute_date", "absolute_week", "absolute_month")
REVERSAL_WINDOW = timedelta(minutes=10)

# Facts 16.11 and 16.12: what claimable and viewable have in common; it is asked of table `d`.
OFFERED = """d.is_claimable AND d.is_published AND NOT d.is_archived
  AND (d.claim_period_start_at IS NULL OR d.claim_period_start_at <= ?)
  AND (d.claim_period_end_at IS NULL OR d.claim_period_end_at >= ?)
  AND (d.end_at IS NULL OR d.end_at >= ?)
  AND (d.max_global_redemptions IS NULL
       OR CASE ? WHEN 'claims' THEN max(d.total_global_created, d.total_global_redemptions)
          ELSE d.total_global_redemptions END < d.max_global_redemptions)
  AND (NOT d.force_allocation OR ? = 'issue' OR EXISTS (
       SELECT 1 FROM allocations a WHERE a.definition_id = d.id AND a.allocated_at IS NULL
       AND (a.valid_from IS NULL OR a.valid_from <= ?) AND (a.valid_to IS NULL OR a.valid_to >= ?)))
  AND (d.is_reclaimable OR NOT EXISTS (
       SELECT 1 FROM benefits c WHERE c.definition_id = d.id AND c.profile_id = ? AND c.claimed_at IS NOT NULL))"""

# Asked of tables `b` and `d`, with now; the second also with `latest_start`.
ACTIVE = "(b.expires_at IS NULL OR b.expires_at >= ?) AND (d.max_redemptions IS NULL OR b.used < d.max_redemptions)"
REDEEMABLE = (
    f"{ACTIVE} AND b.issued_at <= ? AND NOT d.is_archived "
    "AND (d.max_global_redemptions IS NULL OR d.total_global_redemptions < d.max_global_redemptions)"
)


def offered_values(now: str, profile_id: str, switches: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values that OFFERED asks for."""
    return (now, now, now, switches["global_limit"], switches["empty_pool"], now, now, profile_id)


def latest_start(now: str, switches: Mapping[str, str]) -> str:
    """Return the time by which a benefit must have begun to be usable now (16.20)."""
    return now if switches["future_benefits"] == "refuse" else "9999-12-31 23:59:59"


def remaining(definition: sqlite3.Row, used: int) -> int | None:
    """Return the uses left on one instance; None is unlimited (16.24)."""
    most = definition["max_redemptions"]
    return None if most is None else max(0, most - used)


def global_remaining(definition: sqlite3.Row) -> int | None:
    """Return the uses left across everybody; None is unlimited."""
    most = definition["max_global_redemptions"]
    return None if most is None else max(0, most - definition["total_global_redemptions"])


def is_expired(expires_at: str | None, now: str) -> bool:
    """Return whether the last second of a benefit is over."""
    return expires_at is not None and expires_at < now


def refusal_reason(
    benefit: sqlite3.Row, definition: sqlite3.Row, count: int, now: str, begun: str | None = None
) -> tuple[str, str] | None:
    """Return the field and sentence why a benefit cannot be used `count` times now, or None (16.18 to 16.20, 16.24).

    :param begun: what `latest_start` returns, now by default
    """
    left, left_for_all = remaining(definition, benefit["used"]), global_remaining(definition)
    if definition["is_archived"]:
        return "benefit", "This benefit is retired."
    if is_expired(benefit["expires_at"], now):
        return "expires_at", "This benefit has expired."
    if benefit["issued_at"] > (begun or now):
        return "issued_at", "This benefit is not valid yet."
    if left is not None and count > left:
        return "count", f"This benefit has {left} uses left."
    if left_for_all is not None and count > left_for_all:
        return "count", f"This benefit has {left_for_all} uses left for everybody together."
    return None


def expiry(definition: sqlite3.Row, issued: datetime, zone: str) -> str | None:
    """Return when an instance issued now ends: the end of the local day after its period (16.7)."""
    kind = definition["period_type"]
    if kind.startswith("absolute_"):
        return absolute(definition["absolute_expiry"], zone)
    return stamp(end_of_day(_later(local_day(issued, zone), definition["period"], kind), zone))


def absolute(text: str | None, zone: str) -> str | None:
    """Return a fixed end: a date lasts until its local midnight, a time is taken as it is."""
    if text is None:
        return None
    wall = parse_wall(text)
    return stamp(end_of_day(wall.date(), zone) if len(text) == len("2026-01-01") else to_utc(wall, zone))


def may_reverse(created_at: str, now: datetime) -> bool:
    """Return whether a redemption is young enough to be reversed (16.25)."""
    return now - from_stamp(created_at) <= REVERSAL_WINDOW


def _later(day: date, period: int, kind: str) -> date:
    try:
        if kind in ("months", "years"):
            return _months_later(day, period * (12 if kind == "years" else 1))
        return day + timedelta(days=period * (7 if kind == "weeks" else 1))
    except (OverflowError, ValueError):
        return date.max


def _months_later(day: date, months: int) -> date:
    """Return the same day some months on, or the last one of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
