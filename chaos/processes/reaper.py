"""End what a run has started if the run itself is killed: ``python -m chaos.processes.reaper``.

It reads lines from its input: ``+group 12``, ``+postgres 34`` for what was started, ``-12`` for what has ended.
When the input ends, because the run is over or was killed, it ends every process that is left.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress


def main(lines: Iterable[str]) -> None:
    """Read to the end of the input, then end what is left."""
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
