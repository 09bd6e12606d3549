"""``flask benefits work``: several threads that run turns, and stop cleanly at SIGTERM or Ctrl-C.

They share the tables through leases, with each other and with every other worker, so any number may run. SIGKILL is
safe for the same reason: another worker takes a dead worker's rows when their leases end.
"""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from queue import SimpleQueue
from types import FrameType

from claimable_benefits.errors import BenefitsError
from claimable_benefits.service.worker.loop import WorkerLoop
from claimable_benefits.service.worker.turn import TurnResult

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class WorkerPool:
    """Runs ``turn`` in ``threads`` threads; calls ``report`` after every turn in which something was done or failed.

    ``seconds`` is the pause after a turn that found nothing to do.
    """

    def __init__(
        self, turn: Callable[[], TurnResult], *, threads: int, seconds: float, report: Callable[[TurnResult], None]
    ) -> None:
        self._turn = turn
        self._report = report
        self._stopped = threading.Event()
        self._loops = [WorkerLoop(self._run_turn, seconds, stopped=self._stopped) for _ in range(threads)]
        self._counts: Counter[str] = Counter()
        self._guard = threading.Lock()
        # A signal handler writes to it, and a SimpleQueue is safe there.
        self._messages: SimpleQueue[Exception | str | None] = SimpleQueue()

    def is_stopping(self) -> bool:
        """Whether no further row should be begun."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Let every thread finish its call, then end `run`. A signal handler may call this."""
        self._messages.put("stop")

    def run(self) -> TurnResult:
        """Work until stopped; return what was done in all."""
        return self._run([loop.run for loop in self._loops])

    def run_until_idle(self) -> TurnResult:
        """Work until nothing more can be done now. Raises `BenefitsError` where a turn fails."""
        return self._run([self._until_idle for _ in self._loops])

    def _run(self, jobs: list[Callable[[], None]]) -> TurnResult:
        for number, job in enumerate(jobs):
            name = f"claimable-benefits-worker-{number + 1}"
            threading.Thread(target=self._do, args=(job,), name=name, daemon=True).start()
        failure: Exception | None = None
        left = len(jobs)
        while left:
            message = self._messages.get()
            if message == "stop":
                for loop in self._loops:
                    loop.stop()
                continue
            left -= 1
            failure = failure or (message if isinstance(message, Exception) else None)
        if failure is not None:
            raise BenefitsError(f"A turn failed: {str(failure).splitlines()[0]}") from failure
        return TurnResult(**self._counts)

    def _do(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception as error:  # noqa: BLE001 - raised again in the waiting thread
            self._messages.put(error)
        else:
            self._messages.put(None)

    def _until_idle(self) -> None:
        while not self.is_stopping() and self._run_turn():
            pass

    def _run_turn(self) -> TurnResult:
        done = self._turn()
        if done or done.failed:
            with self._guard:
                self._counts.update(asdict(done))
            self._report(done)
        return done


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at SIGTERM and Ctrl-C; a second one has its usual effect, and ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return

    def handle(_number: int, _frame: FrameType | None) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        stop()

    usual = {number: signal.signal(number, handle) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
