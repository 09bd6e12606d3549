"""The base class of the groups of calls."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from claimable_benefits.errors import InvalidResponse
from claimable_benefits.omneo import codec, pagination, paths
from claimable_benefits.omneo.pagination import ListPage, R
from claimable_benefits.omneo.session import ApiCall, Session

_log = logging.getLogger("claimable_benefits.omneo")


class Resource:
    """A group of calls over one session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lengths = pagination.ListLengths()

    def _all(
        self,
        template: str,
        item: Callable[[object], R | None],
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
        item: Callable[[object], R | None],
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


def readable(item: Callable[[object], R]) -> Callable[[object], R | None]:
    """Make a parser that gives None for a record that cannot be read: one such record must not hide the others.

    For what is shown. A look-up that decides needs every record of its list. What is no record at all is still an
    `InvalidResponse`.
    """

    def parse(value: object) -> R | None:
        try:
            return item(value)
        except InvalidResponse as problem:
            if not codec.mapping(value):
                raise
            _log.warning("A record in a list of Omneo's is left out: %s", problem.message)
            return None

    return parse
