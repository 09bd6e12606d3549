"""Programs that tests and benchmarks run, from Debian's packages where the machine has none."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence


def install(package: str) -> None:
    """Install a package, if this is Debian and we are root. The caller checks for it afterwards."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    print(f"Installing Debian's {package} ...", flush=True)
    run_quietly(["apt-get", "update", "-qq"], seconds=300)
    run_quietly(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], seconds=900)


def run_quietly(command: Sequence[str], *, seconds: int) -> None:
    """Run a command that may fail: the next way is tried, and the remedy is said at the end."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(  # noqa: S603 - the callers' own commands
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return
