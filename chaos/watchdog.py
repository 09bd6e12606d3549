"""Ends what a run has started, should the run itself be gone before it could: ``python -m chaos.watchdog``.

It reads lines from its input: ``+group 12``, ``+postgres 34`` for what was started, ``-12`` for what has ended in an
orderly way. When the input ends, because the run is over or was killed, it ends everything that is left.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress


def main(lines: Iterable[str]) -> None:
    """Read to the end, then clear up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run; its end is what we wait for
    alive: dict[int, str] = {}
    for line in lines:
        word, _, number = line.strip().partition(" ")
        if word.startswith("-"):
            alive.pop(int(word[1:]), None)
        elif word.startswith("+"):
            alive[int(number)] = word[1:]
    for pid, kind in alive.items():
        with suppress(ProcessLookupError, PermissionError):
            if kind == "postgres":
                os.kill(pid, signal.SIGQUIT)  # the postmaster takes its children along
            else:
                os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.stdin)
