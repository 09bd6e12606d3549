"""What a template rendered once and prints many times: all of it is kept but the tokens of its buttons.

A region is kept for one shopper. It names what it was made of, and it is made anew as soon as any of that changes: the
wallet, the shopper's rows in the ledger, the language, the time zone, the address of the pages, or the day. What stands
around it is kept with it where that is ours as well; a shop's own layout is rendered each time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cached_property
from typing import cast

from flask import current_app
from markupsafe import Markup

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.web.current import context, wallet_url
from claimable_benefits.web.forms.buttons import Buttons, Pieces, pieces
from claimable_benefits.web.rendering.formatting import Formatter

_PARTS = ("claimable_benefits/parts.html", "claimable_benefits/cards.html")


@dataclass(slots=True)
class Region:
    """A draft of a region, good from ``since`` until ``until``; ``whole`` with all that stands around it."""

    version: object
    html: Markup
    since: datetime
    until: datetime
    whole: Pieces = ()

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        return 2 * len(self.html) + sum(map(len, self.whole))


class FragmentCache:
    """What is kept of one template for one shopper.

    ``layout`` is the template that stands around it, if there is one. ``alone`` says that nothing of this very request
    does. An empty ``version`` names nothing, so nothing is kept.
    """

    def __init__(
        self, template: str, shopper: Shopper, version: object, say: Formatter, *, alone: bool, layout: str = ""
    ) -> None:
        self._templates = (f"claimable_benefits/{template}", *_PARTS)
        self._layout = layout
        self._version = version
        self._say = say
        self._alone = alone
        self._key = (template, wallet_url(), shopper.customer_id, say.locale, say.zone.key, say.zone_is_theirs)
        self._buttons = Buttons(shopper, draft=True)
        self._shopper = shopper
        self._region = self._find()

    def whole(self) -> bytes:
        """What was printed before, with fresh tokens, in UTF-8; empty where it has to be rendered."""
        is_there = self._alone and self._region and self._region.whole
        return self._buttons.print(is_there) if is_there else b""

    def region(self) -> Markup | None:
        """The region as it was rendered before, as a draft; None where it has to be rendered."""
        return self._region.html if self._region else None

    def buttons(self) -> Buttons:
        """What the cards of the region get their buttons from."""
        return self._buttons if self._is_kept else Buttons(self._shopper)

    def renderer(self, ends: Iterable[datetime | None]) -> Callable[[Markup], Markup]:
        """For the template: takes the region as it was rendered, and gives it back.

        ``ends`` are the moments at which something in it stops being true.
        """

        def keep(html: Markup) -> Markup:
            if self._is_kept:
                self._region = Region(self._version, html, self._say.now, _good_until(ends, self._say))
                self._put(self._region)
            return html

        return keep

    def printed(self, page: str) -> str:
        """What the template rendered, as it is to be printed."""
        if self._region and self._alone and is_ours(*self._templates, *filter(None, [self._layout])):
            self._region.whole = pieces(page)
            self._put(self._region)
        return self._buttons.fill(page) if self._region else page

    def _find(self) -> Region | None:
        region = _regions().get(self._key) if self._version else None
        is_good = region and region.version == self._version and region.since <= self._say.now < region.until
        return region if is_good else None

    def _put(self, region: Region) -> None:
        _regions().put(self._key, region, region.weight)

    @cached_property
    def _is_kept(self) -> bool:
        return bool(self._version) and is_ours(*self._templates)


def is_ours(*templates: str) -> bool:
    """Whether a shop leaves templates to us: only of ours we know that nothing in them depends on the request."""
    from claimable_benefits.web.blueprint import templates_folder

    ours = f"{templates_folder()}{os.sep}"
    files = (current_app.jinja_env.get_template(name).filename for name in templates)
    return all(file and file.startswith(ours) for file in files)


def _regions() -> LruCache[Region]:
    return cast("LruCache[Region]", context().wallets.fragments)


def _good_until(ends: Iterable[datetime | None], say: Formatter) -> datetime:
    """When its words stop being true: something ends, or "today" becomes another day."""
    tomorrow = (say.now.astimezone(say.zone) + timedelta(days=1)).date()
    midnight = datetime.combine(tomorrow, time.min, say.zone)
    return min([midnight, *(end for end in ends if end and end > say.now)])
