"""A minute of chaos, as a part of the ordinary tests; ``make chaos`` does more of it."""

from __future__ import annotations

import json
from pathlib import Path

from chaos import report, scale
from chaos.plan import Errand
from chaos.run import play

FIELDS = [
    *("checkouts", "orders_placed", "lost_benefits", "double_redemptions", "lost_transactions"),
    *("duplicate_transactions", "wrong_charges", "stuck_rows", "needs_person", "kills", "faults", "seed"),
]
CHECKOUTS = 40


def test_nothing_is_lost_or_doubled_while_everything_fails_and_processes_are_killed(tmp_path: Path) -> None:
    outcome = play(tmp_path, 7, scale.short(CHECKOUTS), print)
    report.write(outcome, tmp_path / "chaos-report.json")
    written = json.loads((tmp_path / "chaos-report.json").read_text("utf-8"))

    assert outcome.findings == [], report.table(outcome)
    assert outcome.deaths == [], report.table(outcome)
    assert list(written) == FIELDS
    assert written["checkouts"] == CHECKOUTS
    assert written["orders_placed"] > CHECKOUTS / 2, report.table(outcome)
    assert written["kills"] >= 2
    assert written["faults"] > CHECKOUTS / 2
    assert outcome.notes.outcomes["benefit applied"] >= CHECKOUTS / 10, report.table(outcome)
    errands = sum(outcome.notes.outcomes[f"errand: {errand}"] for errand in Errand)
    assert errands >= CHECKOUTS / 10, report.table(outcome)
