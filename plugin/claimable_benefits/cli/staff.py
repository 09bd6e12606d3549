"""``flask benefits reconcile | review | decide | history``: what staff do about disagreements and manual review."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import click
from flask.cli import with_appcontext

from claimable_benefits.cli.helpers import in_zone, one_line_errors, open_context, runtime_of_app, staff, without_log
from claimable_benefits.domain.states import UseState
from claimable_benefits.service.operations import review as reviews
from claimable_benefits.service.operations.reconcile import Report
from claimable_benefits.service.operations.reconcile import reconcile as compare
from claimable_benefits.service.operations.repair import repair as apply_repairs
from claimable_benefits.service.operations.timeline import read_timeline


@click.command()
@click.option("--since", help="Start of the period, such as 2026-11-01; in the tenant's time zone.")
@click.option("--until", help="End of the period; now if left out.")
@click.option("--days", type=click.IntRange(1, 3_660), default=7, show_default=True, help="Length, without --since.")
@click.option("--repair", is_flag=True, help="Repair what the ledger owns, then compare again.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@with_appcontext
def reconcile(since: str | None, until: str | None, days: int, *, repair: bool, as_json: bool) -> None:
    """Compare shop, ledger and Omneo; say what disagrees."""
    context = open_context()
    end = _moment(until, "--until") if until else context.clock() + timedelta(seconds=1)
    start = _moment(since, "--since") if since else end - timedelta(days=days)
    if start >= end:
        raise click.ClickException("The period is empty: --since must be before --until.")
    with without_log(), one_line_errors():
        report = compare(context, start, end)
        done: tuple[str, ...] = ()
        if repair:
            repaired = apply_repairs(context, report, actor=staff())
            report, done = repaired.left, repaired.done
    click.echo(_as_json(report, done) if as_json else _in_words(report, done))
    if report.found:
        raise SystemExit(1)


@click.command()
@with_appcontext
def review() -> None:
    """List everything that waits for manual review."""
    waiting = reviews.read_reviews(open_context())
    for one in waiting:
        click.echo(f"{one.subject}: {one.known}")
        for remedy in one.remedies:
            click.echo(f"    {remedy}")
    if waiting:
        raise SystemExit(1)
    click.echo("Nothing waits for manual review.")


@click.command()
@click.argument("use_id")
@click.option("--as", "verdict", required=True, type=click.Choice(sorted(reviews.VERDICTS)), help="What became of it.")
@click.option("--reason", "reason", required=True, help="Why; kept in its history.")
@with_appcontext
def decide(use_id: str, verdict: str, reason: str) -> None:
    """Decide about a use that waits for manual review."""
    if not reason.strip():
        raise click.ClickException("Say why with --reason: it is kept in the history of the use.")
    with without_log(), one_line_errors():
        use = reviews.decide(open_context(), use_id, verdict, actor=staff(), reason=reason.strip())
    if use.state is UseState.MANUAL_REVIEW:
        raise click.ClickException(f"Omneo refused again, so it still waits for manual review: {use.note}")
    click.echo(f"Use {use_id} is {use.state.replace('_', ' ')} now.")


@click.command()
@click.argument("subject", metavar="USE_ID|ORDER")
@with_appcontext
def history(subject: str) -> None:
    """Show what happened to a use, or to an order."""
    moments = read_timeline(open_context(), subject)
    if not moments:
        raise click.ClickException(f"The ledger knows neither a use nor an order {subject!r}.")
    for one in moments:
        click.echo(f"{in_zone(one.at)}  {one.subject}: {one.what} ({one.actor}: {one.reason})")


def _moment(text: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.ClickException(f"{option} {text!r} is no date; write one such as 2026-11-01.") from None
    zone = ZoneInfo(runtime_of_app().settings.timezone)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _in_words(report: Report, done: tuple[str, ...]) -> str:
    side = (
        "" if report.by_loader else " The outbox was compared instead of the shop's orders: register an orders_loader."
    )
    counts = f"{report.orders} orders and {report.profiles} profiles compared, {in_zone(report.since)} to "
    counts += f"{in_zone(report.until)}: {len(done)} repaired, {len(report.found)} left.{side}"
    if report.unread:
        counts += f" {report.unread} could not be read, and so were not compared: run it again later."
    return "\n".join([*done, *(f"{one.sentence} [{one.code}]" for one in report.found), counts])


def _as_json(report: Report, done: tuple[str, ...]) -> str:
    left = [
        {"code": one.code, "sentence": one.sentence, "order": one.order_number, "use": one.use_id, "ids": one.ids}
        for one in report.found
    ]
    period = {"since": report.since.isoformat(), "until": report.until.isoformat()}
    shop = "orders_loader" if report.by_loader else "outbox"
    counts = {"orders": report.orders, "profiles": report.profiles, "shop": shop, "unread": report.unread}
    return json.dumps({**period, **counts, "repaired": done, "left": left}, ensure_ascii=False, indent=2)
