"""Examine an installation: what works, and what to do about what does not. Reads only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from claimable_benefits.errors import LedgerUnavailable, NotPermitted, OmneoError
from claimable_benefits.service.context import Context
from claimable_benefits.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing examined."""

    subject: str
    is_well: bool
    sentence: str


def examine(ctx: Context, settings: Settings) -> list[Finding]:
    """Examine ledger, connection, token and policies; never raises."""
    connection = _asked("Omneo", lambda: _connection(ctx, settings))
    found = [_ledger(ctx), connection]
    if connection.is_well:
        found += [
            _asked("Customers", lambda: _customers(ctx, settings)),
            _policies(ctx, settings),
        ]
    return found


def _ledger(ctx: Context) -> Finding:
    name = ctx.ledger.engine.url.render_as_string(hide_password=True)
    try:
        version = ctx.ledger.version()
    except LedgerUnavailable as error:
        return Finding("Ledger", False, f"is kept in {name}. {error}")
    return Finding("Ledger", True, f"is kept in {name}, version {version}.")


def _connection(ctx: Context, settings: Settings) -> str:
    _look_up_nobody(ctx)  # a dialect that is set, or known from before, does not say whether Omneo answers now
    return f"answers at {settings.base_url}, speaking the {ctx.omneo.dialect()} dialect."


def _look_up_nobody(ctx: Context) -> None:
    ctx.omneo.profile_id("claimable-benefits-doctor")


def _customers(ctx: Context, settings: Settings) -> str:
    _look_up_nobody(ctx)
    return f"can be looked up under the identity handle {settings.identity_handle!r}."


def _policies(ctx: Context, settings: Settings) -> Finding:
    if settings.policies_path is None:
        return Finding("Policies", False, "there are none: set BENEFITS_POLICIES, or nothing can be used online.")
    try:
        handles = {definition.handle for definition in ctx.omneo.definitions()}
    except OmneoError as error:
        return Finding("Policies", False, f"cannot be compared with Omneo's definitions: {error}")
    problems = []
    if without := sorted(handles - set(ctx.policies)):
        problems.append(f"no policy for {', '.join(without)} (shown, but used nowhere online)")
    if unknown := sorted(set(ctx.policies) - handles):
        problems.append(f"no definition at Omneo for {', '.join(unknown)}")
    if problems:
        return Finding("Policies", False, "; ".join(problems) + f". Edit {settings.policies_path}.")
    return Finding("Policies", True, f"there is one for each of Omneo's {len(handles)} definitions.")


def _asked(subject: str, ask: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, True, ask())
    except NotPermitted as error:
        return Finding(subject, False, f"the token is not accepted, or lacks a scope: {error}")
    except OmneoError as error:
        return Finding(subject, False, f"no usable answer: {error}")
