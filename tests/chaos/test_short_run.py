"""A chaos run of a minute; ``make chaos`` runs longer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from chaos import report
from chaos.plan.parameters import short_run
from chaos.plan.plan import AccountAction
from chaos.run import execute

FIELDS = [
    *("checkouts", "orders_placed", "lost_benefits", "double_redemptions", "lost_transactions"),
    *("duplicate_transactions", "wrong_charges", "stuck_rows", "manual_review", "reviews_after_tills"),
    *("forgotten_uses", "reviews_after_amnesia"),
    *("kills", "faults", "seed"),
]
CHECKOUTS = 40


@pytest.mark.timing
def test_nothing_is_lost_or_doubled_while_everything_fails_and_processes_are_killed(tmp_path: Path) -> None:
    result = execute(tmp_path, 7, short_run(CHECKOUTS), print)
    report.write(result, tmp_path / "chaos-report.json")
    written = json.loads((tmp_path / "chaos-report.json").read_text("utf-8"))

    assert result.findings == [], report.table(result)
    assert result.unexpected_exits == [], report.table(result)
    assert list(written) == FIELDS
    assert written["checkouts"] == CHECKOUTS
    assert written["orders_placed"] > CHECKOUTS / 2, report.table(result)
    assert written["kills"] >= 2
    assert written["faults"] > CHECKOUTS / 2
    assert result.observations.outcomes["benefit applied"] >= CHECKOUTS / 10, report.table(result)
    account_actions = sum(
        result.observations.outcomes[f"account action: {account_action}"] for account_action in AccountAction
    )
    assert account_actions >= CHECKOUTS / 10, report.table(result)
