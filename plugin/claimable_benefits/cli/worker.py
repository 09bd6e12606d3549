"""``flask benefits work | prune``: a worker at a terminal, and the upkeep of the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import click
from flask.cli import with_appcontext

from claimable_benefits.cli.helpers import one_line_errors, open_context
from claimable_benefits.service.operations.prune import prune as prune_ledger
from claimable_benefits.service.worker.pool import WorkerPool, stopped_by_signals
from claimable_benefits.service.worker.turn import TurnResult, run_once


@click.command()
@click.option("--once", is_flag=True, help="Do what is due now, then stop.")
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 64), help="How many work side by side.")
@click.option(
    "--seconds",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.05, 3600),
    help="How long to wait when there is nothing to do.",
)
@with_appcontext
def work(once: bool, threads: int, seconds: float) -> None:
    """Deliver, resolve, roll back; until Ctrl-C or SIGTERM.

    The worker finishes its call first; a second Ctrl-C or SIGTERM ends it at once. Any number of workers may run.
    """
    context = open_context()

    def turn() -> TurnResult:
        return run_once(replace(context, stopping=pool.is_stopping))

    pool = WorkerPool(turn, threads=threads, seconds=seconds, report=lambda done: click.echo(_turn_line(done)))
    with one_line_errors(), stopped_by_signals(pool.stop):
        if not once:
            click.echo(f"Working in {threads} thread{'s' if threads > 1 else ''}. Ctrl-C stops.")
        done = pool.run_until_idle() if once else pool.run()
    if not once:
        click.echo(f"Stopped. {_counts(done)} in all." if done else "Stopped. There was nothing to do.")
    elif not done:
        click.echo("There was nothing that could be finished now.")


@click.command()
@with_appcontext
def prune() -> None:
    """Delete what is finished and old, as the worker does once a day.

    Dropped holds go after a day; finished uses, claims and delivered transactions after BENEFITS_KEEP_DAYS.
    """
    context = open_context()
    with one_line_errors():
        pruned = prune_ledger(context)
    click.echo(f"Deleted {pruned.uses} uses, {pruned.claims} claims and {pruned.deliveries} delivered transactions.")
    if context.keep is None:
        click.echo("BENEFITS_KEEP_DAYS is not set, so only holds that were never sent are deleted.")


def _turn_line(done: TurnResult) -> str:
    return f"{datetime.now(UTC):%H:%M:%S} UTC  {_counts(done)}."


def _counts(done: TurnResult) -> str:
    return (
        f"{done.delivered} delivered, {done.resolved} resolved, {done.decided} orders decided, "
        f"{done.rolled_back} rolled back, {done.released} holds released"
        + (f", {done.failed} failed: see the log" if done.failed else "")
    )
