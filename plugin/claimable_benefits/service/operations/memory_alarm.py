"""The alarm about redemptions that the ledger has forgotten: from the worker, for the doctor, until reconciled."""

from __future__ import annotations

from datetime import datetime

from claimable_benefits.ledger import key_values
from claimable_benefits.service.context import Context

_NAME = "redemptions that the ledger does not know"  # since when, and the alarm in words; empty where there is none


def raise_alarm(ctx: Context, since: datetime, sentence: str) -> None:
    """Store the alarm; ``since`` (aware) is the beginning of the period in which the redemptions were made."""
    with ctx.ledger.write() as connection:
        key_values.set_value(connection, _NAME, f"{since.isoformat()} {sentence}", ctx.clock())


def read_alarm(ctx: Context) -> str | None:
    """Read the alarm in words; None where there is none."""
    return _read(ctx)[1] or None


def end_alarm(ctx: Context, since: datetime) -> None:
    """End the alarm where its period begins at ``since`` (aware) or later: nothing in it is forgotten any more."""
    began, sentence = _read(ctx)
    if sentence and datetime.fromisoformat(began) >= since:
        with ctx.ledger.write() as connection:
            key_values.set_value(connection, _NAME, "", ctx.clock())


def _read(ctx: Context) -> tuple[str, str]:
    with ctx.ledger.read() as connection:
        began, _, sentence = (key_values.get_value(connection, _NAME) or "").partition(" ")
    return began, sentence
