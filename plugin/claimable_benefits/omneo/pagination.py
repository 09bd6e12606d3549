"""Lists that come in pages, and may change while we read them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.cache.thread_pool import Gather, one_by_one
from claimable_benefits.errors import InvalidResponse, Rejected
from claimable_benefits.omneo import codec

SIZE = 100
_MOST_PAGES = 500
_PASSES = 3
_AT_ONCE = 8  # as many as a crew has threads


class RawRecord(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=RawRecord)


@dataclass(frozen=True, slots=True)
class Listed(Generic[R]):
    """A whole list, and on how many pages it came."""

    items: tuple[R, ...]
    pages: int


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """One page; ``total`` and ``pages`` are how many records and pages there are, None where Omneo does not say."""

    items: tuple[R, ...]
    is_last: bool
    total: int | None
    pages: int | None = None


def parse(body: object, number: int, item: Callable[[object], R]) -> Page[R]:
    """Page ``number`` of a list; an answer without page counts is the whole list (Omneo facts 13.9)."""
    envelope = codec.mapping(body)
    meta = codec.mapping(envelope.get("meta"))
    last = codec.integer(meta.get("last_page"))
    has_next = bool(codec.mapping(envelope.get("links")).get("next"))
    return Page(
        items=tuple(item(element) for element in codec.elements(codec.data(body))),
        is_last=number >= last if last is not None else not has_next,
        total=codec.integer(meta.get("total")),
        pages=last,
    )


class ListLengths:
    """How many pages lists had when they were last read: that many can be asked for at once, as there was news of them.

    Safe between threads. A list of one page, as nearly all are, takes no room.
    """

    def __init__(self) -> None:
        self._known: LruCache[int] = LruCache(entries=10_000, weight=10_000)

    def of(self, name: object) -> int:
        return self._known.get(name) or 1

    def note(self, name: object, pages: int) -> None:
        if pages > 1:
            self._known.put(name, pages, 1)
        else:
            self._known.drop(name)


def fetch_all(fetch: Callable[[int], Page[R]], gather: Gather = one_by_one, *, expected: int = 1) -> Listed[R]:
    """Every record once, newest reading first.

    As many pages as are ``expected`` are asked for at the same time, and the others as soon as a page says how many
    there are. A record that is removed while we read shifts the others to a page that is already read, so a list that
    does not add up is read again, and what any reading saw is kept. Pages that never move on are ``Malformed``.
    """
    seen: dict[str, R] = {}
    for _ in range(_PASSES):
        reading = _Reading[R]()
        try:
            reading.run(fetch, gather, expected=expected)
        except Rejected:
            if expected == 1:
                raise
            expected = 1  # perhaps there are fewer by now, and it is a page too far that is refused
            continue
        if reading.adds_up:
            return Listed(tuple(reading.found.values()), reading.pages)
        seen = reading.found | {key: record for key, record in seen.items() if key not in reading.found}
    if reading.stands_still:
        raise InvalidResponse("Omneo repeats the same page of a list.")
    return Listed(tuple(seen.values()), reading.pages)


def fetch_until(fetch: Callable[[int], Page[R]], is_enough: Callable[[Page[R]], bool]) -> tuple[R, ...]:
    """Every record of the first pages, up to and with the page that ``is_enough``."""
    reading = _Reading[R]()
    reading.run(fetch, one_by_one, is_enough=is_enough)
    if reading.stands_still:
        raise InvalidResponse("Omneo repeats the same page of a list.")
    return tuple(reading.found.values())


class _Reading(Generic[R]):
    """One way through the pages."""

    def __init__(self) -> None:
        self.found: dict[str, R] = {}
        self.stands_still = False
        self._totals: set[int | None] = set()
        self.pages = 0
        self._before: list[str] = []

    @property
    def adds_up(self) -> bool:
        if self.stands_still:
            return False
        return self.pages == 1 or self._totals in ({None}, {len(self.found)})

    def run(
        self,
        fetch: Callable[[int], Page[R]],
        together: Gather,
        *,
        expected: int = 1,
        is_enough: Callable[[Page[R]], bool] | None = None,
    ) -> None:
        number, told = 1, expected
        while number <= _MOST_PAGES:
            # A reader who may have enough soon goes page by page.
            last = number if is_enough else max(number, min(told, number + _AT_ONCE - 1, _MOST_PAGES))
            for page in together([partial(fetch, each) for each in range(number, last + 1)]):
                if self._take(number, page) or (is_enough and is_enough(page)):
                    return
                number, told = number + 1, page.pages or 0
        raise InvalidResponse("A list at Omneo does not come to an end.")

    def _take(self, number: int, page: Page[R]) -> bool:
        """Add a page; gives whether it was the last one."""
        ids = [record.id for record in page.items]
        self.found.update((record.id, record) for record in page.items)
        self.stands_still = bool(ids) and ids == self._before
        self._totals.add(page.total)
        self.pages, self._before = number, ids
        return page.is_last or not ids or self.stands_still
