"""Read lists that come in pages, and may change meanwhile."""

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
_AT_ONCE = 8  # the number of threads of a thread pool


class RawRecord(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=RawRecord)


@dataclass(frozen=True, slots=True)
class Listed(Generic[R]):
    """A whole list, and its number of pages."""

    items: tuple[R, ...]
    pages: int


@dataclass(frozen=True, slots=True)
class ListPage(Generic[R]):
    """One page; ``total`` and ``pages`` count all records and pages, None where Omneo does not say."""

    items: tuple[R, ...]
    is_last: bool
    total: int | None
    pages: int | None = None


def parse(body: object, number: int, item: Callable[[object], R | None], *, for_display: bool = False) -> ListPage[R]:
    """Parse page ``number`` of a list; an answer without page counts is the whole list (Omneo facts 13.9).

    Records for which ``item`` gives None are left out. An answer without a list is an empty one where it is only
    displayed. Else it raises `InvalidResponse`, as does an empty first page of a list that states records: neither
    shows that something is not there.
    """
    envelope = codec.mapping(body)
    meta = codec.mapping(envelope.get("meta"))
    records = codec.elements(codec.data(body)) if for_display else codec.listed(body)
    if number == 1 and not records and not for_display and codec.integer(meta.get("total")):
        raise InvalidResponse("Omneo's answer states records of a list, and holds none.")
    last = codec.integer(meta.get("last_page"))
    has_next = bool(codec.mapping(envelope.get("links")).get("next"))
    return ListPage(
        items=tuple(found for found in map(item, records) if found is not None),
        is_last=number >= last if last is not None else not has_next,
        total=codec.integer(meta.get("total")),
        pages=last,
    )


class ListLengths:
    """How many pages each list had when it was last read, so that all can be asked for at the same time.

    Safe between threads. A list of one page, as nearly all are, takes no memory.
    """

    def __init__(self) -> None:
        self._known: LruCache[int] = LruCache(entries=10_000, weight=10_000)

    def of(self, name: object) -> int:
        """Return the number of pages of a list; 1 where it is unknown."""
        return self._known.get(name) or 1

    def note(self, name: object, pages: int) -> None:
        """Store the number of pages of a list."""
        if pages > 1:
            self._known.put(name, pages, 1)
        else:
            self._known.drop(name)


def fetch_all(fetch: Callable[[int], ListPage[R]], gather: Gather = one_by_one, *, expected: int = 1) -> Listed[R]:
    """Read a whole list; return every record once, those of the last pass first.

    The ``expected`` number of pages is asked for at the same time, and the others as soon as a page says how many there
    are. A record that is removed meanwhile shifts others to a page that is already read, so a list whose counts
    disagree is read again, and the records of every pass are kept. Raises `InvalidResponse` where pages repeat.
    """
    seen: dict[str, R] = {}
    for _ in range(_PASSES):
        reading = _Pass[R]()
        try:
            reading.run(fetch, gather, expected=expected)
        except Rejected:
            if expected == 1:
                raise
            expected = 1  # there may be fewer pages by now, and Omneo refused one that no longer exists
            continue
        if reading.is_consistent:
            return Listed(tuple(reading.found.values()), reading.pages)
        seen = reading.found | {key: record for key, record in seen.items() if key not in reading.found}
    if reading.repeats:
        raise InvalidResponse("Omneo repeats the same page of a list.")
    return Listed(tuple(seen.values()), reading.pages)


def fetch_until(fetch: Callable[[int], ListPage[R]], is_enough: Callable[[ListPage[R]], bool]) -> tuple[R, ...]:
    """Read the first pages, up to and with the page that ``is_enough``; return their records."""
    reading = _Pass[R]()
    reading.run(fetch, one_by_one, is_enough=is_enough)
    if reading.repeats:
        raise InvalidResponse("Omneo repeats the same page of a list.")
    return tuple(reading.found.values())


class _Pass(Generic[R]):
    """One pass over the pages."""

    def __init__(self) -> None:
        self.found: dict[str, R] = {}
        self.repeats = False
        self._totals: set[int | None] = set()
        self.pages = 0
        self._before: list[str] = []

    @property
    def is_consistent(self) -> bool:
        """Whether the pages agree with the counts that they state."""
        if self.repeats:
            return False
        return self.pages == 1 or self._totals in ({None}, {len(self.found)})

    def run(
        self,
        fetch: Callable[[int], ListPage[R]],
        gather: Gather,
        *,
        expected: int = 1,
        is_enough: Callable[[ListPage[R]], bool] | None = None,
    ) -> None:
        number, known_pages = 1, expected
        while number <= _MOST_PAGES:
            # A caller that may have enough soon reads page by page.
            last = number if is_enough else max(number, min(known_pages, number + _AT_ONCE - 1, _MOST_PAGES))
            for page in gather([partial(fetch, each) for each in range(number, last + 1)]):
                if self._take(number, page) or (is_enough and is_enough(page)):
                    return
                number, known_pages = number + 1, page.pages or 0
        raise InvalidResponse("A list at Omneo has no end.")

    def _take(self, number: int, page: ListPage[R]) -> bool:
        """Add a page; return whether it was the last one."""
        ids = [record.id for record in page.items]
        self.found.update((record.id, record) for record in page.items)
        self.repeats = bool(ids) and ids == self._before
        self._totals.add(page.total)
        self.pages, self._before = number, ids
        return page.is_last or not ids or self.repeats
