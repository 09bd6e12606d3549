"""The pause of all deliveries, in every process: Omneo asked for one, or does not accept the token.

After a pause one process sends one delivery. The others wait for what it learns, so that they do not all
call Omneo at once.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from claimable_benefits.ledger import key_values
from claimable_benefits.service.context import Context

_UNTIL = "deliveries paused until"
# A probe whose process is killed must not hold the deliveries up: another one is sent when its lease has ended.
_LEASES = 3


def pause_deliveries(ctx: Context, span: timedelta) -> datetime:
    """Pause all deliveries for ``span``; return the time (aware) at which the pause ends."""
    until = ctx.clock() + span
    with ctx.ledger.write() as connection:
        key_values.set_value(connection, _UNTIL, until.isoformat(), ctx.clock())
    return until


def read_pause(connection: Connection) -> str:
    """Read the pause as it is stored; empty where there is none. It lasts until the probe after it has an answer."""
    return key_values.get_value(connection, _UNTIL) or ""


def are_paused(ctx: Context) -> bool:
    """Whether a delivery has paused all deliveries: Omneo asked for it, or does not accept the token."""
    with ctx.ledger.read() as connection:
        stored = read_pause(connection)
    return bool(stored) and datetime.fromisoformat(stored) > ctx.clock()


def take_probe(ctx: Context, stored: str) -> bool:
    """Whether this process may send the one delivery after the pause ``stored``; False while it lasts."""
    now = ctx.clock()
    if datetime.fromisoformat(stored) > now:
        return False
    until = now + ctx.timing.lease * _LEASES
    with ctx.ledger.write() as connection:
        return key_values.compare_and_set_value(connection, _UNTIL, stored, until.isoformat(), now)


def end_pause(connection: Connection, now: datetime) -> None:
    """Let every process deliver again; the caller commits. ``now`` is aware."""
    key_values.set_value(connection, _UNTIL, "", now)
