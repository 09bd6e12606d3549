"""A region of a page, rendered once and printed many times: all of it is kept but the tokens of its buttons.

A region is kept for one shopper. It names what it was made of, and it is made anew as soon as any of that changes: the
shelf, the shopper's rows in the ledger, the language, the time zone, the address of the pages, or the day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import cast

from flask import current_app
from markupsafe import Markup

from claimable_benefits.cache.bounded import Bounded
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.web.face import context, shelf_url
from claimable_benefits.web.format import Format
from claimable_benefits.web.forms import PLACE, Buttons, Place


@dataclass(frozen=True, slots=True)
class Region:
    """Pieces of HTML, with an empty one for each of the ``places``. Good from ``since`` until ``until``."""

    version: object
    pieces: tuple[str, ...]
    places: tuple[Place, ...]
    since: datetime
    until: datetime

    def printed(self, shopper: Shopper) -> Markup:
        """The HTML with fresh tokens."""
        parts = [*self.pieces]
        parts[1::2] = map(Buttons(shopper).fill, self.places)
        return Markup("".join(parts))  # noqa: S704 - rendered by an autoescaping template; tokens need no escaping


class Kept:
    """Where the regions of one template are kept."""

    def __init__(self, template: str, shopper: Shopper, version: object, say: Format) -> None:
        self._template = template
        self._shopper = shopper
        self._version = version
        self._say = say
        self._key = (template, shopper.customer_id, shelf_url(), say.locale, say.zone.key, say.zone_is_theirs)

    @cached_property
    def _is_kept(self) -> bool:
        return bool(self._version) and is_ours(self._template)

    def find(self) -> Markup | None:
        """The region as it was rendered before, with fresh tokens; None where it has to be rendered."""
        if not self._version:
            return None
        region = _regions().get(self._key)
        is_good = region and region.version == self._version and region.since <= self._say.now < region.until
        return region.printed(self._shopper) if region and is_good else None

    def buttons(self) -> Buttons:
        """What the cards of the region get their buttons from."""
        return Buttons(self._shopper, draft=self._is_kept)

    def keeper(self, buttons: Buttons, ends: Iterable[datetime | None]) -> Callable[[Markup], Markup]:
        """For the template: takes the region as it was rendered, and gives it as it is to be printed.

        ``ends`` are the moments at which something in it stops being true.
        """

        def keep(html: Markup) -> Markup:
            if not self._is_kept:
                return html
            pieces = PLACE.split(html)
            places = tuple(buttons.places[int(number)] for number in pieces[1::2])
            region = Region(self._version, tuple(pieces), places, self._say.now, _good_until(ends, self._say))
            _regions().put(self._key, region, 2 * len(html))
            return region.printed(self._shopper)

        return keep


def is_ours(template: str) -> bool:
    """Whether a shop leaves a template to us: only of ours we know that nothing in it depends on the request."""
    from claimable_benefits.web.blueprint import templates_folder

    names = (f"claimable_benefits/{template}", "claimable_benefits/parts.html")
    files = (current_app.jinja_env.get_template(name).filename for name in names)
    return all(file and Path(file).is_relative_to(templates_folder()) for file in files)


def _regions() -> Bounded[Region]:
    return cast("Bounded[Region]", context().shelves.fragments)


def _good_until(ends: Iterable[datetime | None], say: Format) -> datetime:
    """When its words stop being true: something ends, or "today" becomes another day."""
    tomorrow = (say.now.astimezone(say.zone) + timedelta(days=1)).date()
    midnight = datetime.combine(tomorrow, time.min, say.zone)
    return min([midnight, *(end for end in ends if end and end > say.now)])
