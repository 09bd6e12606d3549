"""What is built from the checkout: the sandbox's data files and the announcement of the fixtures are in it."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.testing.test_first_test import snippets

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - our own checkout
    [made] = folder.glob("*.whl")
    with zipfile.ZipFile(made) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def test_the_data_files_of_the_sandbox_are_in_the_wheel(wheel: Path) -> None:
    here, there = ROOT / "plugin/claimable_benefits/sandbox", wheel / "claimable_benefits/sandbox"

    expected, shipped = data_files(here), data_files(there)

    assert shipped == expected
    assert {"openapi/openapi.yaml", "console/static/console.css"} <= expected


def data_files(folder: Path) -> set[str]:
    """Return the paths of what is no Python."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }


def test_the_first_test_passes_where_the_wheel_is_installed(wheel: Path, tmp_path: Path) -> None:
    for name, text in snippets().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(wheel)}

    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ran.returncode, "passed" in ran.stdout) == (0, True), ran.stdout
