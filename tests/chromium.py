"""Find a Chromium for the browser tests, or get one: ``python -m tests.chromium``.

What the machine has comes first, then playwright's own install, then Debian's package. A browser that cannot be had
is an error with its remedy, never a skipped test.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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
    for install in (None, _install_playwrights_own, _install_debians):
        if install is not None:
            install()
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
    _run([sys.executable, "-m", "playwright", "install", "chromium"], seconds=300)


def _install_debians() -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    print("That was not to be had: installing Debian's package ...", flush=True)
    _run(["apt-get", "update", "-qq"], seconds=300)
    _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], seconds=900)


def get_curl() -> None:
    """The guide's calls are made with curl: install it where it is missing and may be installed."""
    if shutil.which("curl") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _run(["apt-get", "update", "-qq"], seconds=300)
        _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "curl"], seconds=300)


def _run(command: list[str], *, seconds: int) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(  # noqa: S603 - the commands are those of this module
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return  # the next way is tried, and the remedy is said at the end


if __name__ == "__main__":
    get_curl()
    print(f"Browser tests use {get_chromium()}")
