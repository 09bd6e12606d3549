"""The mutants stand in the code as it is; trying them takes minutes and has a command of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaos.mutants import MUTANTS, PACKAGE, Mutant

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_changes_one_place(mutant: Mutant) -> None:
    text = (ROOT / PACKAGE / mutant.file).read_text("utf-8")

    assert text.count(mutant.before) == 1
    assert mutant.before != mutant.after
    assert any((ROOT / test).exists() for test in mutant.tests.split())
