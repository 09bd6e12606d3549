"""Execute one run: start the processes, run the visits under faults, end the faults, drain, and audit."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import example_shop
from chaos.audit.checks import Finding, audit, count_by_violation, reviews_after_amnesia, reviews_after_tills
from chaos.audit.collect import collect, history, unfinished
from chaos.audit.sandbox_api import read_calls, read_state
from chaos.faults.amnesia import LedgerMemory
from chaos.faults.fault_schedule import FaultSchedule
from chaos.faults.omneo_faults import OmneoFaults
from chaos.plan.parameters import Parameters
from chaos.plan.plan import Plan, make_plan
from chaos.processes.deployment import Deployment, start_deployment
from chaos.shoppers.concurrency import run_visits
from chaos.shoppers.shopper import Observations, ShopperContext
from chaos.shoppers.tills import Tills

_IDLE_SECONDS = 3.0  # with nothing unfinished, before the run has come to rest
_PROGRESS_SECONDS = 10.0
_MAX_HISTORIES = 15


@dataclass
class RunResult:
    """What a run has found: ``report`` has the fields of ``chaos-report.json``, the rest explains it."""

    report: dict[str, int]
    findings: list[Finding]
    histories: dict[str, list[str]]
    calls: dict[str, list[str]]
    observations: Observations
    unexpected_exits: list[str]
    spans: dict[str, float]
    unfinished: dict[str, int]
    fired: dict[str, int]
    killed: dict[str, int]

    @property
    def is_clean(self) -> bool:
        """Whether the audit found no contradiction."""
        return not self.findings


def execute(folder: Path, seed: int, parameters: Parameters, log_progress: Callable[[str], None]) -> RunResult:
    """Execute a whole run in an empty folder."""
    began = time.monotonic()
    plan = make_plan(
        seed,
        parameters.checkouts,
        kills=parameters.kills,
        outages=parameters.outages,
        tenant=parameters.tenant,
        amnesia=parameters.amnesia,
    )
    log_progress(f"seed {seed}: {len(plan.visits)} checkouts of {plan.shoppers} shoppers, {len(plan.kills)} kills")
    log_progress(f"Omneo's switches: {', '.join(f'{name} {value}' for name, value in plan.tenant.items())}")
    with start_deployment(folder, plan, parameters) as deployment:
        log_progress(f"everything runs, {time.monotonic() - began:.0f} s; the shop is at {deployment.shop_url}")
        observations, omneo_faults = (
            Observations(),
            OmneoFaults(deployment.failing_omneo, seed, parameters.request_delays, parameters.lost_answers),
        )
        started = time.monotonic()
        memory = LedgerMemory(deployment, plan.amnesia, log_progress)
        checkouts = _apply_load(deployment, plan, parameters, observations, omneo_faults, memory, log_progress)
        healed = time.monotonic()
        log_progress(f"{checkouts} checkouts made in {healed - started:.0f} s; no more faults, now draining")
        left = _drain(deployment, parameters, log_progress)
        named = _reconcile(deployment, log_progress) if plan.amnesia else frozenset()
        if plan.amnesia:
            left = _drain(deployment, parameters, log_progress)
        quiet = time.monotonic()
        log_progress(
            f"{'nothing is unfinished' if not left else 'some rows are still unfinished'} after {quiet - healed:.0f} s"
        )
        spans = {"start": started - began, "visits": healed - started, "drain": quiet - healed}
        return _audit(deployment, seed, checkouts, observations, omneo_faults, memory, named, left, spans)


def _apply_load(
    deployment: Deployment,
    plan: Plan,
    parameters: Parameters,
    observations: Observations,
    omneo_faults: OmneoFaults,
    memory: LedgerMemory,
    log_progress: Callable[[str], None],
) -> int:
    tills = Tills(deployment.healthy_omneo, deployment.benefits)
    ids = {key: benefit for key, (_, benefit) in deployment.benefits.items()}
    context = ShopperContext(deployment.shop_url, ids, tills.use, observations)
    schedule = FaultSchedule(plan, deployment.supervisor, omneo_faults, log_progress)

    def on_start(number: int) -> None:
        schedule.checkout_started(number)
        memory.checkout_started(number)

    schedule.start()
    try:
        until = time.monotonic() + parameters.load_timeout
        done, quiet_at = 0, plan.amnesia.restored_at if plan.amnesia else len(plan.visits)
        for part in (plan.visits[:quiet_at], plan.visits[quiet_at:]):
            done += run_visits(context, part, concurrency=parameters.concurrency, until=until, on_start=on_start)
            if plan.amnesia and part and part[0].number == 0:
                memory.forget()
        return done
    finally:
        schedule.close()
        observations.outcomes["uses at a till"] = tills.uses


def _drain(deployment: Deployment, parameters: Parameters, log_progress: Callable[[str], None]) -> dict[str, int]:
    """Wait until nothing is unfinished for a while; return what is left after the timeout."""
    healed = last_busy = last_said = time.monotonic()
    while True:
        time.sleep(0.5)
        left, now = unfinished(deployment.database_url), time.monotonic()
        if left or now - healed < max(parameters.request_delays):
            last_busy = now
        if now - last_busy >= _IDLE_SECONDS or now - healed > parameters.drain_timeout:
            return left
        if left and now - last_said > _PROGRESS_SECONDS:
            last_said = now
            log_progress(f"unfinished: {', '.join(f'{number} {what}' for what, number in left.items())}")


def _reconcile(deployment: Deployment, log_progress: Callable[[str], None]) -> frozenset[str]:
    """Reconcile with repairs, once more for what a repair made due; return what it names in the end."""
    deployment.reconcile()
    said = deployment.reconcile()
    for one in said["left"]:
        log_progress(f"reconcile: {one['sentence']} [{one['code']}]")
    return frozenset(key for one in said["left"] for key in (*one["ids"], one["use"]) if key)


def _audit(
    deployment: Deployment,
    seed: int,
    checkouts: int,
    observations: Observations,
    omneo_faults: OmneoFaults,
    memory: LedgerMemory,
    named: frozenset[str],
    left: dict[str, int],
    spans: dict[str, float],
) -> RunResult:
    collected = collect(
        deployment.database_url,
        deployment.payments_file,
        read_state(deployment.healthy_omneo),
        observations.shown,
        _refundable(),
    )
    seen = replace(collected, forgotten_uses=memory.uses, forgotten_claims=memory.claims, named=named)
    findings = audit(seen)
    kills = deployment.supervisor.kills
    report = {
        "checkouts": checkouts,
        "orders_placed": sum(order.was_paid for order in seen.orders),
        **count_by_violation(findings),
        "reviews_after_tills": len(reviews_after_tills(seen)),
        "forgotten_uses": len(memory.uses),
        "reviews_after_amnesia": len(reviews_after_amnesia(seen)),
        "kills": kills.total(),
        "faults": omneo_faults.fired.total(),
        "seed": seed,
    }
    subjects = [subject for finding in findings[:_MAX_HISTORIES] for subject in finding.subjects]
    return RunResult(
        report=report,
        findings=findings,
        histories=history(deployment.database_url, list(dict.fromkeys(subjects))),
        calls=_calls(deployment, {use.use_id: use.reference for use in seen.uses}, subjects),
        observations=observations,
        unexpected_exits=deployment.supervisor.unexpected_exits,
        spans=spans,
        unfinished=left,
        fired=dict(omneo_faults.fired),
        killed=dict(kills),
    )


def _calls(deployment: Deployment, references: dict[str, str], subjects: list[str]) -> dict[str, list[str]]:
    """Return the calls about the uses and orders of the findings, as far as the sandbox has kept them."""
    wanted = {references.get(subject, subject.removeprefix("order ")): subject for subject in subjects}
    found: dict[str, list[str]] = {}
    for call in read_calls(deployment.failing_omneo, "*") if wanted else ():
        if (subject := wanted.get(call["reference"] or "")) is not None:
            late = f", applied later for call {call['late_for']}" if call["late_for"] else ""
            line = f"{call['real_at']} {call['method']} {call['path']}: {call['status']} {call['faults'] or ''}{late}"
            found.setdefault(subject, []).append(line)
    return {subject: sorted(lines) for subject, lines in found.items()}


def _refundable() -> dict[str, str]:
    file = Path(example_shop.__file__).with_name("benefits.toml")
    rules = tomllib.loads(file.read_text("utf-8"))
    return {handle: str(rule.get("refundable", "always")) for handle, rule in rules.items()}
