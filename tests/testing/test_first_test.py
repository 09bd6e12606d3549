"""The documentation's first test, run as a merchant would run it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from claimable_benefits import testing

pytest_plugins = ["pytester"]

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
PLUGIN = ("-p", "no:claimable_benefits", "-p", "claimable_benefits.testing")  # once, be the package installed or not


def snippets() -> dict[str, str]:
    """Return the page's files by name: the blocks that begin with a comment that names one."""
    found = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    return dict(found)


def test_the_first_test_of_the_page_passes(pytester: pytest.Pytester) -> None:
    for name, text in snippets().items():
        pytester.makepyfile(**{name.removesuffix(".py"): text})

    result = pytester.runpytest_subprocess(*PLUGIN, "-W", "error", "test_benefits.py")

    result.assert_outcomes(passed=1)


def test_without_the_sandbox_a_fixture_says_what_to_install(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        json_logic="raise ModuleNotFoundError('No module named json_logic', name='json_logic')",
        test_shop="def test_it(omneo_sandbox): pass\n\n\ndef test_other(): pass",
    )

    result = pytester.runpytest_subprocess(*PLUGIN, "test_shop.py")

    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines(
        ['*The fixtures of Omneo need its sandbox: pip install "flask-claimable-benefits?sandbox?"*']
    )


def test_a_project_that_asks_for_no_fixture_imports_next_to_nothing() -> None:
    heavy = "('flask', 'sqlalchemy', 'httpx', 'jinja2', 'claimable_benefits.sandbox', 'claimable_benefits.extension')"
    code = f"import sys, claimable_benefits.testing; print([name for name in {heavy} if name in sys.modules])"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 - ours

    assert said.stdout.strip() == "[]"


def test_every_name_of_the_module_can_be_imported() -> None:
    for name in testing.__all__:
        assert getattr(testing, name).__name__ == name


def test_whatever_the_page_speaks_of_is_there() -> None:
    owners = {"sandbox": testing.OmneoSandbox, "clock": testing.OmneoClock, "faults": testing.OmneoFaults}

    named = set(re.findall(r"omneo_(\w+)\.(\w+)", PAGE.read_text(encoding="utf-8")))

    assert len(named) > 15
    assert [one for one in named if one[1] not in dir(owners[one[0]])] == []


def test_the_builders_lines_of_the_page_run(omneo_sandbox: testing.OmneoSandbox) -> None:
    [lines] = re.findall(r"```python\n(omneo_sandbox\.definition.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)

    exec(lines, {"omneo_sandbox": omneo_sandbox})  # noqa: S102 - our own page

    assert [row["definition"]["handle"] for row in omneo_sandbox.benefits_of("1001")] == ["alterations", "first-spend"]
