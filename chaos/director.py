"""Carries out the plan while shoppers come: who is killed, and when everything at Omneo fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from chaos.omneo import Weather
from chaos.plan import Kill, Plan, Spell
from chaos.processes import Staff


class Director:
    """Told of each checkout that begins; acts in a thread of its own."""

    def __init__(self, plan: Plan, staff: Staff, weather: Weather, say: Callable[[str], None]) -> None:
        self._kills = list(plan.kills)
        self._spells = list(plan.spells)
        self._staff = staff
        self._weather = weather
        self._say = say
        self._begun = 0
        self._heal_at: float | None = None
        self._timers: list[threading.Timer] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._direct, name="chaos-director", daemon=True)

    def start(self) -> None:
        """Turn the dial up, and watch."""
        self._weather.turn_up()
        self._thread.start()

    def checkout_begins(self, number: int) -> None:
        """Checkout number so-and-so begins now."""
        self._begun = max(self._begun, number)

    def close(self) -> None:
        """Stop, and let everything at Omneo be well again."""
        self._closing.set()
        self._thread.join()
        for timer in self._timers:
            timer.cancel()
            timer.join()
        self._weather.clear()

    def _direct(self) -> None:
        while not self._closing.wait(0.05):
            now = time.monotonic()
            if self._heal_at is not None and now >= self._heal_at:
                self._heal_at = None
                self._weather.turn_up()
            while self._kills and self._kills[0].at <= self._begun:
                self._kill(self._kills.pop(0))
            if self._spells and self._spells[0].at <= self._begun and self._heal_at is None:
                self._begin(self._spells.pop(0), now)

    def _kill(self, kill: Kill) -> None:
        timer = threading.Timer(kill.after, self._staff.kill, (kill.role, kill.which))
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def _begin(self, spell: Spell, now: float) -> None:
        self._say(f"{spell.kind} at Omneo for {spell.seconds:.0f} seconds")
        self._weather.begin(spell)
        self._heal_at = now + spell.seconds
