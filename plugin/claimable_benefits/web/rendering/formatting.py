"""Dates and amounts in the shopper's locale and time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_timezone_name
from babel.numbers import format_currency, format_percent

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.web.current import runtime
from claimable_benefits.web.rendering.sanitize import plain

MINUS = "\N{MINUS SIGN}"
_LAST_MINUTE = time(23, 59)


@dataclass(frozen=True, slots=True)
class When:
    """A time as text: ``iso`` for the ``datetime`` attribute, ``soon`` where it is today or tomorrow."""

    text: str
    iso: str
    soon: bool = False


@dataclass(frozen=True, slots=True)
class Formatter:
    """Formats dates and amounts for one shopper. ``zone_is_theirs`` is False where the shop's zone is used instead."""

    locale: str
    zone: ZoneInfo
    zone_is_theirs: bool
    now: datetime

    def money(self, amount: Decimal, currency: str) -> str:
        return format_currency(amount, currency, locale=self.locale)

    def off(self, amount: Decimal, currency: str) -> str:
        """An amount taken off a total, with a true minus sign, which screen readers read aloud."""
        return MINUS + self.money(amount, currency)

    def percent(self, percent: Decimal) -> str:
        return _percent(str(percent), self.locale)

    def day(self, at: datetime) -> str:
        return _day(at, self.zone, self.locale)

    def clock(self, at: datetime) -> str:
        """The time of day, without a zone."""
        return _clock(at, self.zone, self.locale)

    def zone_name(self, at: datetime) -> str:
        return _zone_name(at, self.zone, self.locale)

    def on(self, at: datetime) -> When:
        return When(self.day(at), at.isoformat())

    def moment(self, at: datetime) -> When:
        """Day and time; the zone is named where it may not be the shopper's."""
        return When(f"{self.day(at)} at {self._time(at)}", at.isoformat())

    def until(self, at: datetime) -> When:
        """A time of day that is minutes ahead."""
        return When(self._time(at), at.isoformat())

    def ends(self, at: datetime, *, what: str = "") -> When:
        """When something ends. Hours and zone are given where they matter: close to the end, or within a day."""
        last, local = at, self._local(at)
        if local.time() == time.min:  # the day before is the last one
            last = at - timedelta(seconds=1)
            local = self._local(last)
        days = local.toordinal() - self._local(self.now).toordinal()
        if at < self.now:
            return When(f"{_sentence(what, 'ended')} on {self.day(last)}", at.isoformat())
        if days <= 1:
            day = "tomorrow" if days == 1 else "today"
            return When(f"{_sentence(what, 'ends')} {day}{self._hours(last)}", at.isoformat(), soon=True)
        hours = self._hours(last) if local.time() < _LAST_MINUTE else ""
        return When(f"{_sentence(what, 'ends')} on {self.day(last)}{hours}", at.isoformat())

    def _hours(self, at: datetime) -> str:
        return f" at {self.clock(at)} ({self.zone_name(at)})"

    def _time(self, at: datetime) -> str:
        return self.clock(at) if self.zone_is_theirs else f"{self.clock(at)} ({self.zone_name(at)})"

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(self.zone)


# Babel is slow, and the benefits of all shoppers end at the same few times. Equal times are one key in any zone.
# A number is passed as text, because 10 and 10.0 are written differently.
@lru_cache(maxsize=2048)
def _day(at: datetime, zone: ZoneInfo, locale: str) -> str:
    return format_date(at.astimezone(zone), format="long", locale=locale)


@lru_cache(maxsize=2048)
def _clock(at: datetime, zone: ZoneInfo, locale: str) -> str:
    return format_time(at, format="short", tzinfo=zone, locale=locale)


@lru_cache(maxsize=2048)
def _zone_name(at: datetime, zone: ZoneInfo, locale: str) -> str:
    return get_timezone_name(at.astimezone(zone), width="long", locale=locale)


@lru_cache(maxsize=512)
def _percent(percent: str, locale: str) -> str:
    return format_percent(Decimal(percent) / 100, locale=locale, decimal_quantization=False)


def formatter_of(shopper: Shopper | None) -> Formatter:
    """Make the formatter of this request for ``shopper``; None stands for a guest."""
    here = runtime()
    return make_formatter(
        shopper, locale=here.settings.locale, timezone=here.settings.timezone, now=here.context.clock()
    )


def make_formatter(shopper: Shopper | None, *, locale: str, timezone: str, now: datetime) -> Formatter:
    """Make the formatter: the shopper's own locale and zone, and the shop's where they are missing or unknown."""
    theirs = _locale_and_zone(shopper.locale, shopper.timezone, locale, timezone) if shopper else None
    return Formatter(*(theirs or _locale_and_zone(None, None, locale, timezone)), now)


@lru_cache(maxsize=256)
def _locale_and_zone(
    own_locale: str | None, own_zone: str | None, locale: str, timezone: str
) -> tuple[str, ZoneInfo, bool]:
    theirs = _zone(own_zone) if own_zone else None
    language = (_locale(own_locale) if own_locale else None) or _locale(locale) or "en"
    return language, theirs or ZoneInfo(timezone), theirs is not None


def _sentence(what: str, verb: str) -> str:
    return f"{what} {verb}" if what else verb.capitalize()


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        return None


def _locale(name: str) -> str | None:
    try:
        return str(Locale.parse(plain(name).replace("-", "_")))
    except (ValueError, TypeError, UnknownLocaleError):
        return None
