"""Run the tests marked `timing` twice while the machine is busy: ``python -m tests.support.busy [PYTEST OPTION …]``.

Six endless loops run beside them. They end with this process, also if it is killed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

LOOPS = 6
RUNS = 2
# Each loop watches a pipe from its parent, and ends when the pipe does.
_LOOP = "import select, sys\nwhile not select.select([sys.stdin], [], [], 0)[0]:\n    sum(range(20_000))\n"


def main(options: Sequence[str]) -> int:
    """Run pytest twice; return its first exit code that is not 0."""
    command = [sys.executable, "-m", "pytest", "-m", "timing", *options]
    with busy_machine():
        codes = [subprocess.run(command, check=False).returncode for _ in range(RUNS)]  # noqa: S603 - our own tests
    return next((code for code in codes if code), 0)


@contextmanager
def busy_machine(loops: int = LOOPS) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Keep the processors busy with endless loops, each a process of its own."""
    with ExitStack() as stack:
        started = []
        for _ in range(loops):
            process = subprocess.Popen([sys.executable, "-c", _LOOP], stdin=subprocess.PIPE)  # noqa: S603 - the loop above
            stack.enter_context(process)  # closes the pipe, and waits for the end of the loop
            started.append(process)
        yield started


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
