"""Detect which of two dialects a tenant has, and which variant of a call works, and store both."""

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
    """One of several variants of a call.

    A status in ``absent`` says that the tenant does not have this variant. Each must be a definite no, so that trying
    the next variant can never do something twice.
    """

    name: str
    call: Callable[[], T]
    absent: frozenset[int] = NO_SUCH_ROUTE


class Dialects:
    """The dialect of one tenant, and the variants that have worked; safe to share between threads.

    ``answers`` says whether a path exists, by a read that changes nothing. It raises where Omneo cannot answer now, and
    then nothing is decided. ``variants`` stores the variants that have worked, by purpose; one in the ledger lets a
    worker use what the shop's processes have detected.
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
        self._variants: MutableMapping[str, str] = {} if variants is None else variants
        self._lock = Lock()

    def dialect(self) -> Dialect:
        """Return the preferred dialect; probe on first use, and raise `OmneoError` where the probe is inconclusive."""
        with self._lock:
            if self._decided is not None:
                return self._decided
            is_reference = not self._answers(self._probed.guide) and self._answers(self._probed.reference)
            self._decided = "reference" if is_reference else "guide"
        if self._on_dialect is not None:
            self._on_dialect(self._decided)
        return self._decided

    def known_variant(self, purpose: str) -> str | None:
        """Return the name of the variant that has worked for ``purpose``, None while none has."""
        return self._variants.get(purpose)

    def remember(self, purpose: str, variant: str) -> None:
        """Store that ``variant`` has worked for ``purpose``."""
        self._variants[purpose] = variant

    def call(
        self, purpose: str, *, guide: Sequence[CallVariant[T]] = (), reference: Sequence[CallVariant[T]] = ()
    ) -> T:
        """Call in the tenant's dialect; where no setting fixes the dialect, the other one comes second.

        A variant that has worked is the only one tried, unless a probe shows that the tenant has changed its dialect.
        """
        known = self._known_among(purpose, [*guide, *reference])
        if known is not None:
            try:
                return known.call()
            except OmneoError as refusal:
                is_unchanged = not self._is_auto or refusal.status not in NO_SUCH_ROUTE
                if is_unchanged or self._still_has_dialect("guide" if known in guide else "reference"):
                    raise
        first, second = (guide, reference) if self.dialect() == "guide" else (reference, guide)
        return self._in_turn(purpose, [*first, *second] if self._is_auto else list(first or second))

    def _still_has_dialect(self, dialect: Dialect) -> bool:
        """Probe again after a 404 or 405, which may be about the record or about the route."""
        with self._lock:
            self._decided = None
        return self.dialect() == dialect

    def first_supported(self, purpose: str, variants: Sequence[CallVariant[T]], *, sticky: bool = True) -> T:
        """Call the variant that is known to work, else the first that the tenant has; raise the last refusal.

        Where it is not ``sticky``, the others follow a known variant that fails: tenants are upgraded.
        """
        known = self._known_among(purpose, variants)
        if known is None:
            return self._in_turn(purpose, variants)
        others = [] if sticky else [variant for variant in variants if variant is not known]
        return self._in_turn(purpose, [known, *others])

    def _in_turn(self, purpose: str, variants: Sequence[CallVariant[T]]) -> T:
        *others, last = variants
        for variant in others:
            try:
                return self._call_and_remember(purpose, variant)
            except OmneoError as refusal:
                if refusal.status not in variant.absent:
                    raise
        return self._call_and_remember(purpose, last)

    def _call_and_remember(self, purpose: str, variant: CallVariant[T]) -> T:
        # Only success proves a variant: a 404 or 422 may be about the record, not about the route.
        answer = variant.call()
        if self._variants.get(purpose) != variant.name:
            self.remember(purpose, variant.name)
        return answer

    def _known_among(self, purpose: str, variants: Sequence[CallVariant[T]]) -> CallVariant[T] | None:
        name = self._variants.get(purpose)
        return next((variant for variant in variants if variant.name == name), None)
