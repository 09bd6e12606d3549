"""Report a run: a table for people, and ``chaos-report.json`` for programs."""

from __future__ import annotations

import json
from pathlib import Path

from chaos.run import RunResult

_MAX_LINES = 40


def table(result: RunResult) -> str:
    """Return the report and what explains it as lines of text."""
    lines = ["", *_aligned(result.report), ""]
    lines += [f"  {name:<24}{seconds:>8.0f} s" for name, seconds in result.spans.items()]
    lines += ["", "What shoppers saw:", *_aligned(dict(sorted(result.observations.outcomes.items())))]
    lines += ["", "Faults of Omneo:", *_aligned(result.fired), "", "Processes killed:", *_aligned(result.killed)]
    lines += _section("Still unfinished:", [f"{what}: {n}" for what, n in result.unfinished.items()])
    lines += _section("Processes that ended without being killed:", result.unexpected_exits)
    lines += _section("Unexpected for shoppers:", result.observations.unexpected)
    lines += _section("Findings:", [f"{finding.violation}: {finding.sentence}" for finding in result.findings])
    for subject, events in result.histories.items():
        lines += _section(f"History of {subject}:", [*events, *(f"Omneo: {c}" for c in result.calls.get(subject, ()))])
    return "\n".join(lines)


def write(result: RunResult, path: Path) -> None:
    """Write the fields of the report as JSON."""
    path.write_text(json.dumps(result.report, indent=2) + "\n", "utf-8")


def _aligned(counts: dict[str, int]) -> list[str]:
    return [f"  {name:<44}{number:>8}" for name, number in counts.items()]


def _section(title: str, lines: list[str]) -> list[str]:
    more = [f"  … and {len(lines) - _MAX_LINES} more"] if len(lines) > _MAX_LINES else []
    return ["", title, *(f"  {line}" for line in lines[:_MAX_LINES]), *more] if lines else []
