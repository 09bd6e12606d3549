"""Execute the plan's kills and outages while shoppers check out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from chaos.faults.omneo_faults import OmneoFaults
from chaos.plan.plan import Kill, Outage, Plan
from chaos.processes.supervisor import Supervisor


class FaultSchedule:
    """Kill processes and start outages when their checkout starts, in a thread of its own."""

    def __init__(
        self, plan: Plan, supervisor: Supervisor, omneo_faults: OmneoFaults, log_progress: Callable[[str], None]
    ) -> None:
        self._kills = list(plan.kills)
        self._outages = list(plan.outages)
        self._supervisor = supervisor
        self._omneo_faults = omneo_faults
        self._log_progress = log_progress
        self._started = 0
        self._outage_ends_at: float | None = None
        self._timers: list[threading.Timer] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._execute, name="chaos-fault-schedule", daemon=True)

    def start(self) -> None:
        """Inject the usual faults, and start to follow the plan."""
        self._omneo_faults.inject_mix()
        self._thread.start()

    def checkout_started(self, number: int) -> None:
        """Note that checkout ``number`` starts now."""
        self._started = max(self._started, number)

    def close(self) -> None:
        """Stop, and remove every fault."""
        self._closing.set()
        self._thread.join()
        for timer in self._timers:
            timer.cancel()
            timer.join()
        self._omneo_faults.clear()

    def _execute(self) -> None:
        while not self._closing.wait(0.05):
            now = time.monotonic()
            if self._outage_ends_at is not None and now >= self._outage_ends_at:
                self._outage_ends_at = None
                self._omneo_faults.inject_mix()
            while self._kills and self._kills[0].at <= self._started:
                self._kill(self._kills.pop(0))
            if self._outages and self._outages[0].at <= self._started and self._outage_ends_at is None:
                self._begin(self._outages.pop(0), now)

    def _kill(self, kill: Kill) -> None:
        timer = threading.Timer(kill.after, self._supervisor.kill, (kill.role, kill.which))
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def _begin(self, outage: Outage, now: float) -> None:
        self._log_progress(f"{outage.kind} at Omneo for {outage.seconds:.0f} seconds")
        self._omneo_faults.begin(outage)
        self._outage_ends_at = now + outage.seconds
