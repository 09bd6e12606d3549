"""What the commands share: the app's context, errors in one line, times in the tenant's zone, the actor."""

from __future__ import annotations

import getpass
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Protocol, cast
from zoneinfo import ZoneInfo

import click
from flask import current_app

from claimable_benefits.errors import (
    AuthenticationError,
    BenefitsError,
    Declined,
    OutcomeUnknown,
    PermissionDenied,
    Rejected,
)
from claimable_benefits.loaders import Loaders
from claimable_benefits.service.context import Context
from claimable_benefits.settings import Settings


class CliRuntime(Protocol):
    """What the commands need of the app's runtime."""

    @property
    def context(self) -> Context: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def loaders(self) -> Loaders: ...


def runtime_of_app() -> CliRuntime:
    """Return the runtime of the current app."""
    return cast(CliRuntime, current_app.extensions["claimable_benefits"])


def open_context() -> Context:
    """Return the context of the current app, with the worker's timeouts."""
    context = runtime_of_app().context
    return replace(context, omneo=context.omneo.for_workers())


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn an error into one line for a person, and an exit code for scripts."""
    try:
        yield
    except Declined as error:
        raise click.ClickException(error.shopper_message) from error
    except Rejected as error:
        raise click.ClickException(f"Omneo refuses this: {error.words}") from error
    except (AuthenticationError, PermissionDenied) as error:
        raise click.ClickException(f"{error} Check OMNEO_TOKEN and its permissions.") from error
    except OutcomeUnknown as error:
        raise click.ClickException(f"{error} It may have happened all the same: check before you repeat it.") from error
    except BenefitsError as error:
        raise click.ClickException(str(error)) from error


@contextmanager
def without_log() -> Iterator[None]:
    """Silence the log: the command itself prints the error, and a shop without logging would see it twice."""
    log, nowhere = logging.getLogger("claimable_benefits"), logging.NullHandler()
    log.addHandler(nowhere)
    try:
        yield
    finally:
        log.removeHandler(nowhere)


def in_zone(moment: datetime) -> str:
    """Write an aware time in the tenant's time zone."""
    zone = runtime_of_app().settings.timezone
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"


def staff() -> str:
    """Name the person at the terminal as the actor of an event."""
    try:
        return f"staff {getpass.getuser()}"
    except (OSError, KeyError):
        return "staff"
