"""The base class of the groups of calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from claimable_benefits.omneo import pagination, paths
from claimable_benefits.omneo.pagination import ListPage, R
from claimable_benefits.omneo.session import ApiCall, Session


class Resource:
    """A group of calls over one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lengths = pagination.ListLengths()

    def _all(
        self,
        template: str,
        item: Callable[[object], R],
        ids: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        *,
        for_display: bool = False,
    ) -> tuple[R, ...]:
        """Read a whole list; `pagination.parse` tells what ``for_display`` tolerates."""
        name = paths.fill(template, ids or {}), tuple(sorted((query or {}).items()))
        fetch = self._pages(template, item, ids, query, for_display=for_display)
        listed = pagination.fetch_all(fetch, self._session.gather, expected=self._lengths.of(name))
        self._lengths.note(name, listed.pages)
        return listed.items

    def _pages(
        self,
        template: str,
        item: Callable[[object], R],
        ids: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        *,
        for_display: bool = False,
    ) -> Callable[[int], ListPage[R]]:
        """Make a function that fetches a page of a list by its number."""

        def fetch(number: int) -> ListPage[R]:
            asked = {**(query or {}), "page[size]": str(pagination.SIZE), "page[number]": str(number)}
            call = ApiCall("GET", template, ids or {}, asked)
            return self._session.read(call, lambda body: pagination.parse(body, number, item, for_display=for_display))

        return fetch
