"""Lists that come in pages, and may change while we read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from claimable_benefits.errors import Malformed
from claimable_benefits.omneo import wire

SIZE = 100
_MOST_PAGES = 500
_PASSES = 3


class Record(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """One page; ``total`` is how many records Omneo says there are, None where it does not say."""

    items: tuple[R, ...]
    is_last: bool
    total: int | None


def parse(body: object, number: int, item: Callable[[object], R]) -> Page[R]:
    """Page ``number`` of a list; an answer without page counts is the whole list (Omneo facts 13.9)."""
    envelope = wire.mapping(body)
    meta = wire.mapping(envelope.get("meta"))
    last = wire.integer(meta.get("last_page"))
    has_next = bool(wire.mapping(envelope.get("links")).get("next"))
    return Page(
        items=tuple(item(element) for element in wire.elements(wire.data(body))),
        is_last=number >= last if last is not None else not has_next,
        total=wire.integer(meta.get("total")),
    )


def all_of(fetch: Callable[[int], Page[R]]) -> tuple[R, ...]:
    """Every record once, newest reading first.

    A record that is removed while we read shifts the others to a page that is already read, so a list that does not add
    up is read again, and what any reading saw is kept. Pages that never move on are ``Malformed``.
    """
    seen: dict[str, R] = {}
    for _ in range(_PASSES):
        reading = _Reading[R]()
        reading.run(fetch)
        if reading.adds_up:
            return tuple(reading.found.values())
        seen = reading.found | {key: record for key, record in seen.items() if key not in reading.found}
    if reading.stands_still:
        raise Malformed("Omneo repeats the same page of a list.")
    return tuple(seen.values())


def until(fetch: Callable[[int], Page[R]], is_enough: Callable[[Page[R]], bool]) -> tuple[R, ...]:
    """Every record of the first pages, up to and with the page that ``is_enough``."""
    reading = _Reading[R]()
    reading.run(fetch, is_enough)
    if reading.stands_still:
        raise Malformed("Omneo repeats the same page of a list.")
    return tuple(reading.found.values())


class _Reading(Generic[R]):
    """One way through the pages."""

    def __init__(self) -> None:
        self.found: dict[str, R] = {}
        self.stands_still = False
        self._totals: set[int | None] = set()
        self._pages = 0

    @property
    def adds_up(self) -> bool:
        if self.stands_still:
            return False
        return self._pages == 1 or self._totals in ({None}, {len(self.found)})

    def run(self, fetch: Callable[[int], Page[R]], is_enough: Callable[[Page[R]], bool] = lambda _: False) -> None:
        before: list[str] = []
        for number in range(1, _MOST_PAGES + 1):
            page = fetch(number)
            ids = [record.id for record in page.items]
            self.found.update((record.id, record) for record in page.items)
            self.stands_still = bool(ids) and ids == before
            self._totals.add(page.total)
            self._pages, before = number, ids
            if page.is_last or not ids or self.stands_still or is_enough(page):
                return
        raise Malformed("A list at Omneo does not come to an end.")
