"""Find a Chromium for the browser tests, or get one: ``python -m tests.support.chromium``.

What the machine has comes first, then playwright's own install, then Debian's package. A browser that cannot be had
is an error with its remedy, never a skipped test.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from tests.support.debian import install, run_quietly

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REMEDY = (
    "No Chromium for the browser tests. Install one (Debian: apt-get install chromium) "
    "or name one: CHROMIUM=/path/to/chromium make test"
)


def find_chromium() -> str | None:
    """The path of a Chromium that starts; None where there is none."""
    return next((path for path in _candidates() if path and _starts(path)), None)


def get_chromium() -> str:
    """The same, installed where it is missing. Raises `SystemExit` with the remedy."""
    for way in (None, _install_playwrights_own, partial(install, "chromium")):
        if way is not None:
            way()
        if found := find_chromium():
            return found
    raise SystemExit(REMEDY)


def launch_arguments() -> list[str]:
    """Chromium does not sandbox itself for root; the rest keeps it from calling home."""
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    return [*quiet, "--no-sandbox"] if os.geteuid() == 0 else quiet


def _candidates() -> Iterator[str | None]:
    if named := os.environ.get("CHROMIUM"):
        yield named
        return
    yield from map(shutil.which, _NAMES)
    yield _playwrights_own()


def _starts(path: str) -> bool:
    if not Path(path).is_file():
        return False
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, timeout=30, check=False)  # noqa: S603 - found above
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def _playwrights_own() -> str | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return playwright.chromium.executable_path


def _install_playwrights_own() -> None:
    print("No Chromium found: asking playwright for its own ...", flush=True)
    run_quietly([sys.executable, "-m", "playwright", "install", "chromium"], seconds=300)


def get_curl() -> None:
    """The guide's calls are made with curl: install it where it is missing and may be installed."""
    if shutil.which("curl") is None:
        install("curl")


if __name__ == "__main__":
    get_curl()
    print(f"Browser tests use {get_chromium()}")
