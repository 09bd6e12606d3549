"""The mutants fit the code as it is; testing them takes minutes and is a command of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from chaos.mutants import MUTANTS, PACKAGE, Mutant, mutate

ROOT = Path(__file__).parents[2]
each_mutant = pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)


@each_mutant
def test_every_mutant_changes_one_place(mutant: Mutant) -> None:
    text = (ROOT / PACKAGE / mutant.file).read_text("utf-8")

    assert text.count(mutant.before) == 1
    assert mutant.before != mutant.after


@each_mutant
def test_every_test_of_a_mutant_exists(mutant: Mutant) -> None:
    assert mutant.tests.split()
    assert [test for test in mutant.tests.split() if not (ROOT / test).exists()] == []


@each_mutant
def test_every_mutant_uses_names_that_exist(mutant: Mutant) -> None:
    """A mutant that fails with a `NameError` would be killed by any test."""
    text = mutate(mutant, (ROOT / PACKAGE / mutant.file).read_text("utf-8"))
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F821", "--stdin-filename", "m.py", "-"]

    checked = subprocess.run(command, input=text, capture_output=True, text=True, check=False)  # noqa: S603 - our own

    assert (checked.returncode, checked.stdout) == (0, "All checks passed!\n")
