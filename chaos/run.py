"""One run: open the house, let shoppers come while everything fails, heal, wait for quiet, and audit."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import example_shop
from chaos import crowd, evidence
from chaos.audit import Finding, audit, counted
from chaos.director import Director
from chaos.house import House, opened
from chaos.omneo import Tills, Weather, read_calls, read_state
from chaos.plan import Plan, make_plan
from chaos.scale import Scale
from chaos.shopper import Notes, World

_REST = 3.0  # seconds without anything under way before the house counts as quiet
_SAY_AGAIN = 10.0
_MOST_HISTORIES = 15


@dataclass
class Outcome:
    """What a run brings: the ``report`` with the fields of ``chaos-report.json``, and what explains it."""

    report: dict[str, int]
    findings: list[Finding]
    histories: dict[str, list[str]]
    calls: dict[str, list[str]]
    notes: Notes
    deaths: list[str]
    spans: dict[str, float]
    unsettled: dict[str, int]
    fired: dict[str, int]
    killed: dict[str, int]

    @property
    def is_well(self) -> bool:
        """Nothing lost, doubled, wrong or stuck, and every checkout was made."""
        return not self.findings


def play(folder: Path, seed: int, scale: Scale, say: Callable[[str], None]) -> Outcome:
    """A whole run in an empty folder."""
    began = time.monotonic()
    plan = make_plan(seed, scale.checkouts, kills=scale.kills, spells=scale.spells)
    say(f"seed {seed}: {len(plan.visits)} checkouts of {plan.shoppers} shoppers, {len(plan.kills)} kills")
    with opened(folder, plan, scale) as house:
        say(f"everything runs, {time.monotonic() - began:.0f} s; the shop is at {house.shop_url}")
        notes, weather = Notes(), Weather(house.failing, seed, scale.zombies)
        started = time.monotonic()
        checkouts = _let_them_come(house, plan, scale, notes, weather, say)
        healed = time.monotonic()
        say(f"{checkouts} checkouts made in {healed - started:.0f} s; all is well again at Omneo, waiting for quiet")
        left = _wait_for_quiet(house, scale, say)
        quiet = time.monotonic()
        say(f"{'quiet' if not left else 'still not quiet'} after {quiet - healed:.0f} s")
        spans = {"start": started - began, "load": healed - started, "quiet": quiet - healed}
        return _look_back(house, seed, checkouts, notes, weather, left, spans)


def _let_them_come(
    house: House, plan: Plan, scale: Scale, notes: Notes, weather: Weather, say: Callable[[str], None]
) -> int:
    tills = Tills(house.sound, house.benefits)
    ids = {key: benefit for key, (_, benefit) in house.benefits.items()}
    world = World(house.shop_url, ids, tills.use, notes)
    director = Director(plan, house.staff, weather, say)
    director.start()
    try:
        until = time.monotonic() + scale.load
        return crowd.send(world, plan.visits, at_once=scale.at_once, until=until, begins=director.checkout_begins)
    finally:
        director.close()
        notes.outcomes["uses at a till"] = tills.uses


def _wait_for_quiet(house: House, scale: Scale, say: Callable[[str], None]) -> dict[str, int]:
    """Wait until nothing is on its way for a while; what still is, should it take too long."""
    healed = last_busy = last_said = time.monotonic()
    while True:
        time.sleep(0.5)
        left, now = evidence.unsettled(house.database_url), time.monotonic()
        if left or now - healed < max(scale.zombies):
            last_busy = now
        if now - last_busy >= _REST or now - healed > scale.quiet:
            return left
        if left and now - last_said > _SAY_AGAIN:
            last_said = now
            say(f"on its way: {', '.join(f'{number} {what}' for what, number in left.items())}")


def _look_back(
    house: House,
    seed: int,
    checkouts: int,
    notes: Notes,
    weather: Weather,
    left: dict[str, int],
    spans: dict[str, float],
) -> Outcome:
    seen = evidence.gather(house.database_url, house.payments_file, read_state(house.sound), notes.shown, _refundable())
    findings = audit(seen)
    kills = house.staff.kills
    report = {
        "checkouts": checkouts,
        "orders_placed": sum(order.was_paid for order in seen.orders),
        **counted(findings),
        "kills": kills.total(),
        "faults": weather.fired.total(),
        "seed": seed,
    }
    told = findings[:_MOST_HISTORIES]
    subjects = [subject for finding in told for subject in finding.subjects]
    return Outcome(
        report=report,
        findings=findings,
        histories=evidence.history(house.database_url, list(dict.fromkeys(subjects))),
        calls=_calls(house, {use.use_id: use.reference for use in seen.uses}, subjects),
        notes=notes,
        deaths=house.staff.deaths,
        spans=spans,
        unsettled=left,
        fired=dict(weather.fired),
        killed=dict(kills),
    )


def _calls(house: House, references: dict[str, str], subjects: list[str]) -> dict[str, list[str]]:
    """What Omneo was asked about the uses and orders of the findings, as far as the sandbox remembers."""
    wanted = {references.get(subject, subject.removeprefix("order ")): subject for subject in subjects}
    told: dict[str, list[str]] = {}
    for url in house.failing if wanted else ():
        for call in read_calls(url, "*"):
            if (subject := wanted.get(call["reference"] or "")) is not None:
                late = f", applied late for call {call['late_for']}" if call["late_for"] else ""
                line = (
                    f"{call['real_at']} {call['method']} {call['path']}: {call['status']} {call['faults'] or ''}{late}"
                )
                told.setdefault(subject, []).append(line)
    return {subject: sorted(lines) for subject, lines in told.items()}


def _refundable() -> dict[str, str]:
    file = Path(example_shop.__file__).with_name("benefits.toml")
    rules = tomllib.loads(file.read_text("utf-8"))
    return {handle: str(rule.get("refundable", "always")) for handle, rule in rules.items()}
