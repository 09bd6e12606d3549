"""Dates and money as this shopper writes them, in this shopper's time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.web.rendering.sanitize import plain

MINUS = "\N{MINUS SIGN}"
_LAST_MINUTE = time(23, 59)


@dataclass(frozen=True, slots=True)
class When:
    """A moment as a sentence: ``iso`` for the ``datetime`` attribute, ``soon`` where it is today or tomorrow."""

    text: str
    iso: str
    soon: bool = False


@dataclass(frozen=True, slots=True)
class Formatter:
    """How one shopper reads dates and amounts. ``zone_is_theirs`` is False where the shop's zone stands in."""

    locale: str
    zone: ZoneInfo
    zone_is_theirs: bool
    now: datetime

    def money(self, amount: Decimal, currency: str) -> str:
        from babel.numbers import format_currency  # babel takes a while to import: only where it is needed

        return format_currency(amount, currency, locale=self.locale)

    def off(self, amount: Decimal, currency: str) -> str:
        """What comes off a total, with a true minus sign, which screen readers say."""
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
        """A time that is minutes away."""
        return When(self._time(at), at.isoformat())

    def ends(self, at: datetime, *, what: str = "") -> When:
        """When something ends. Hours and zone are said where they matter: close to the end, or within a day."""
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


# Babel takes long over each of these, and the benefits of a page, and of all shoppers, end at the same few moments.
# A moment is the same key in whichever zone it is told. A number is told as text: 10 and 10.0 are written differently.
@lru_cache(maxsize=2048)
def _day(at: datetime, zone: ZoneInfo, locale: str) -> str:
    from babel.dates import format_date

    return format_date(at.astimezone(zone), format="long", locale=locale)


@lru_cache(maxsize=2048)
def _clock(at: datetime, zone: ZoneInfo, locale: str) -> str:
    from babel.dates import format_time

    return format_time(at, format="short", tzinfo=zone, locale=locale)


@lru_cache(maxsize=2048)
def _zone_name(at: datetime, zone: ZoneInfo, locale: str) -> str:
    from babel.dates import get_timezone_name

    return get_timezone_name(at.astimezone(zone), width="long", locale=locale)


@lru_cache(maxsize=512)
def _percent(percent: str, locale: str) -> str:
    from babel.numbers import format_percent

    return format_percent(Decimal(percent) / 100, locale=locale, decimal_quantization=False)


def format_for(shopper: Shopper | None, *, locale: str, timezone: str, now: datetime) -> Formatter:
    """The shopper's own habits, and the shop's where they are missing or unknown."""
    theirs = _habits(shopper.locale, shopper.timezone, locale, timezone) if shopper else None
    return Formatter(*(theirs or _habits(None, None, locale, timezone)), now)


@lru_cache(maxsize=256)
def _habits(own_locale: str | None, own_zone: str | None, locale: str, timezone: str) -> tuple[str, ZoneInfo, bool]:
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
    from babel import Locale, UnknownLocaleError

    try:
        return str(Locale.parse(plain(name).replace("-", "_")))
    except (ValueError, TypeError, UnknownLocaleError):
        return None
