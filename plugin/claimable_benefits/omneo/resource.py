"""What the groups of calls have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from claimable_benefits.omneo import pages
from claimable_benefits.omneo.pages import Page, R
from claimable_benefits.omneo.session import Call, Session


class Resource:
    """A group of calls over one session."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def _pages(
        self,
        template: str,
        item: Callable[[object], R],
        ids: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Callable[[int], Page[R]]:
        """A function that fetches page ``n`` of a list."""

        def fetch(number: int) -> Page[R]:
            asked = {**(query or {}), "page[size]": str(pages.SIZE), "page[number]": str(number)}
            call = Call("GET", template, ids or {}, asked)
            return self._session.read(call, lambda body: pages.parse(body, number, item))

        return fetch
