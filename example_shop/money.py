"""Amounts and dates as the shopper writes them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_currency
from flask import Flask

from example_shop import visitors

CURRENCY = "AUD"
_HOME_LOCALE = "en_AU"
_HOME_ZONE = "Australia/Melbourne"


def money(amount: Decimal) -> str:
    """``$9.95`` as the shopper's locale writes it; a minus sign rather than a hyphen below zero."""
    shopper = visitors.current()
    text = format_currency(abs(amount), CURRENCY, locale=shopper.locale if shopper else _HOME_LOCALE)
    return f"\N{MINUS SIGN}{text}" if amount < 0 else text


def moment(when: datetime) -> str:
    """Date and time in the shopper's zone."""
    shopper = visitors.current()
    locale = shopper.locale if shopper else _HOME_LOCALE
    zone = ZoneInfo(shopper.timezone if shopper else _HOME_ZONE)
    return format_datetime(when, "d MMMM y, h:mm a" if locale == "en_AU" else "d MMMM y, HH:mm", zone, locale)


def init_app(app: Flask) -> None:
    """Give the templates the filters ``money`` and ``moment``."""
    app.jinja_env.filters["money"] = money
    app.jinja_env.filters["moment"] = moment
