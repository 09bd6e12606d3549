"""The report: a table for people, and ``chaos-report.json`` for programs."""

from __future__ import annotations

import json
from pathlib import Path

from chaos.run import Outcome

_MOST = 40


def table(outcome: Outcome) -> str:
    """The report and what explains it, in plain lines."""
    lines = ["", *_aligned(outcome.report), ""]
    lines += [f"  {name:<24}{seconds:>8.0f} s" for name, seconds in outcome.spans.items()]
    lines += ["", "What shoppers saw:", *_aligned(dict(sorted(outcome.notes.outcomes.items())))]
    lines += ["", "What Omneo did wrong:", *_aligned(outcome.fired), "", "Who was killed:", *_aligned(outcome.killed)]
    lines += _section("What was still under way:", [f"{what}: {n}" for what, n in outcome.unsettled.items()])
    lines += _section("Who ended without being killed:", outcome.deaths)
    lines += _section("What puzzled shoppers:", outcome.notes.puzzles)
    lines += _section("Findings:", [f"{finding.wrong}: {finding.sentence}" for finding in outcome.findings])
    for subject, events in outcome.histories.items():
        lines += _section(f"History of {subject}:", [*events, *(f"Omneo: {c}" for c in outcome.calls.get(subject, ()))])
    return "\n".join(lines)


def write(outcome: Outcome, path: Path) -> None:
    """Write the fields of the report, and nothing else."""
    path.write_text(json.dumps(outcome.report, indent=2) + "\n", "utf-8")


def _aligned(counts: dict[str, int]) -> list[str]:
    return [f"  {name:<44}{number:>8}" for name, number in counts.items()]


def _section(title: str, lines: list[str]) -> list[str]:
    more = [f"  … and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return ["", title, *(f"  {line}" for line in lines[:_MOST]), *more] if lines else []
