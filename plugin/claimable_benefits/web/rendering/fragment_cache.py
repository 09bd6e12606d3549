"""Rendered HTML, cached for one shopper: all of it but the token that its buttons carry.

A warm page takes 408 microseconds of processor time, 618 where its sections alone are cached (as within a shop's own
layout) and 2,390 without this cache; a bare page of the same size takes 363. A checkout page with the panel takes 966
with it and 2,074 without (medians of seven turns of 150 pages with twelve benefits, SQLite).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import cast

from markupsafe import Markup

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.web.current import address_base, context
from claimable_benefits.web.forms.buttons import Buttons
from claimable_benefits.web.rendering.formatting import Formatter
from claimable_benefits.web.rendering.templates import is_replaced


@dataclass(frozen=True, slots=True)
class Rendered:
    """HTML with the page's token in its buttons; ``ends`` are the moments at which something in it becomes untrue."""

    html: str
    ends: Iterable[datetime | None] = ()

    @property
    def markup(self) -> Markup:
        """For a template that this is put into."""
        return Markup(self.html)  # noqa: S704 - rendered by an autoescaping template


@dataclass(frozen=True, slots=True)
class FragmentKey:
    """What a fragment is rendered from.

    Equal versions mean equal data (the wallet, the shopper's rows in the ledger, the cart); an empty one means that the
    data may differ each time, so nothing is cached.
    """

    version: object
    shopper: Shopper
    formatter: Formatter
    buttons: Buttons

    @property
    def slot(self) -> tuple[object, ...]:
        """One fragment is cached for each."""
        zone = (self.formatter.zone.key, self.formatter.zone_is_theirs)
        return (address_base(), self.shopper.customer_id, self.formatter.locale, *zone)


@dataclass(frozen=True, slots=True)
class _Fragment:
    """``pieces`` are the HTML without the page's token, cut where it stands; true from ``since`` until ``until``."""

    version: object
    pieces: tuple[str, ...]
    since: datetime
    until: datetime

    @property
    def size(self) -> int:
        """About how many bytes of memory it takes."""
        return 2 * sum(map(len, self.pieces))


def cached_fragment(name: str, key: FragmentKey, render: Callable[[], Rendered]) -> Rendered:
    """Return what ``render`` makes of the template ``name``, from the cache where it is there and still true.

    A fragment may hold others. One is rendered each time where the shop has replaced a template that it uses.
    """
    if not key.version:
        return render()
    slot, now = (name, *key.slot), key.formatter.now
    cached = _fragments().get(slot)
    if cached and cached.version == key.version and cached.since <= now < cached.until:
        return Rendered(key.buttons.token.join(cached.pieces), (cached.until,))
    rendered = render()
    if not is_replaced(name):
        pieces = tuple(rendered.html.split(key.buttons.token))
        fragment = _Fragment(key.version, pieces, now, _true_until(rendered.ends, key.formatter))
        _fragments().put(slot, fragment, fragment.size)
    return rendered


def _fragments() -> LruCache[_Fragment]:
    return cast("LruCache[_Fragment]", context().wallets.fragments)


def _true_until(ends: Iterable[datetime | None], formatter: Formatter) -> datetime:
    """When its sentences become untrue: something ends, or "today" becomes another day."""
    tomorrow = (formatter.now.astimezone(formatter.zone) + timedelta(days=1)).date()
    midnight = datetime.combine(tomorrow, time.min, formatter.zone)
    return min([midnight, *(end for end in ends if end and end > formatter.now)])
