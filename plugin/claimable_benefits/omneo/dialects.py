"""Which of two dialects a tenant speaks, and which form of a call it has: found out once, then remembered."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Generic, Literal, TypeVar

from claimable_benefits.errors import OmneoError, SettingsError
from claimable_benefits.omneo.paths import Path

Dialect = Literal["guide", "reference"]
T = TypeVar("T")

NO_SUCH_ROUTE = frozenset({404, 405})


@dataclass(frozen=True, slots=True)
class CallVariant(Generic[T]):
    """One of several ways to ask the same thing.

    A status in ``absent`` says that the tenant has no such way. Each must be a definite no, so that asking another way
    can never do something twice.
    """

    name: str
    call: Callable[[], T]
    absent: frozenset[int] = NO_SUCH_ROUTE


class Dialects:
    """The dialect of one tenant, and the forms that have worked; safe to share between threads.

    ``answers`` tells whether a path is there, by a read that changes nothing. It raises where that cannot be told now,
    and then nothing is decided. ``forms`` is where the forms that have worked are remembered, by purpose; one that
    outlives the process lets a worker know what the shop's processes have learned.
    """

    def __init__(
        self,
        setting: str,
        answers: Callable[[str], bool],
        probed: Path,
        on_dialect: Callable[[str], None] | None = None,
        variants: MutableMapping[str, str] | None = None,
    ) -> None:
        if setting not in {"auto", "guide", "reference"}:
            raise SettingsError("OMNEO_DIALECT", f"{setting!r} is no dialect.", "Use auto, guide or reference.")
        self._is_auto = setting == "auto"
        self._decided: Dialect | None = None if self._is_auto else "guide" if setting == "guide" else "reference"
        self._answers = answers
        self._probed = probed
        self._on_dialect = on_dialect
        self._forms: MutableMapping[str, str] = {} if variants is None else variants
        self._lock = Lock()

    def dialect(self) -> Dialect:
        """The dialect to prefer; probes on first use and raises ``OmneoError`` where the probe has no clear answer."""
        with self._lock:
            if self._decided is not None:
                return self._decided
            is_reference = not self._answers(self._probed.guide) and self._answers(self._probed.reference)
            self._decided = "reference" if is_reference else "guide"
        if self._on_dialect is not None:
            self._on_dialect(self._decided)
        return self._decided

    def known_variant(self, purpose: str) -> str | None:
        """The name of the form that has worked for ``purpose``, None while none has."""
        return self._forms.get(purpose)

    def remember(self, purpose: str, form: str) -> None:
        """Note that ``form`` has worked for ``purpose``."""
        self._forms[purpose] = form

    def call(
        self, purpose: str, *, guide: Sequence[CallVariant[T]] = (), reference: Sequence[CallVariant[T]] = ()
    ) -> T:
        """Ask in the tenant's dialect; where the dialect is not fixed by a setting, the other one comes second.

        A form that has worked is the only one asked, unless the tenant is found to speak another dialect since.
        """
        known = self._known_among(purpose, [*guide, *reference])
        if known is not None:
            try:
                return known.call()
            except OmneoError as refusal:
                is_spoken_still = not self._is_auto or refusal.status not in NO_SUCH_ROUTE
                if is_spoken_still or self._speaks_still("guide" if known in guide else "reference"):
                    raise
        first, second = (guide, reference) if self.dialect() == "guide" else (reference, guide)
        return self._in_turn(purpose, [*first, *second] if self._is_auto else list(first or second))

    def _speaks_still(self, dialect: Dialect) -> bool:
        """Probe anew after a 404 or 405, which may be about the record or about the route."""
        with self._lock:
            self._decided = None
        return self.dialect() == dialect

    def first_supported(self, purpose: str, variants: Sequence[CallVariant[T]], *, sticky: bool = True) -> T:
        """Ask in the form that is known to work, else in the first that the tenant has; the last refusal is raised.

        Where the caller is not ``loyal``, a known form that says no gives way to the others: tenants are upgraded.
        """
        known = self._known_among(purpose, variants)
        if known is None:
            return self._in_turn(purpose, variants)
        others = [] if sticky else [form for form in variants if form is not known]
        return self._in_turn(purpose, [known, *others])

    def _in_turn(self, purpose: str, forms: Sequence[CallVariant[T]]) -> T:
        *others, last = forms
        for form in others:
            try:
                return self._remembered(purpose, form)
            except OmneoError as refusal:
                if refusal.status not in form.absent:
                    raise
        return self._remembered(purpose, last)

    def _remembered(self, purpose: str, form: CallVariant[T]) -> T:
        # Only success proves a form: a 404 or 422 may be about the record, not about the route.
        answer = form.call()
        if self._forms.get(purpose) != form.name:
            self.remember(purpose, form.name)
        return answer

    def _known_among(self, purpose: str, forms: Sequence[CallVariant[T]]) -> CallVariant[T] | None:
        name = self._forms.get(purpose)
        return next((form for form in forms if form.name == name), None)
