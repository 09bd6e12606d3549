"""Format amounts and dates for the shopper of this request."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_currency
from flask import Flask

from example_shop.customers import current_customer

CURRENCY = "AUD"
_HOME_LOCALE = "en_AU"
_HOME_ZONE = "Australia/Melbourne"


def money(amount: Decimal) -> str:
    """Format an amount such as ``$9.95`` for the shopper's locale; below zero with a minus sign, not a hyphen."""
    customer = current_customer.get()
    text = format_currency(abs(amount), CURRENCY, locale=customer.locale if customer else _HOME_LOCALE)
    return f"\N{MINUS SIGN}{text}" if amount < 0 else text


def moment(when: datetime) -> str:
    """Format an aware datetime in the shopper's time zone and locale."""
    customer = current_customer.get()
    locale = customer.locale if customer else _HOME_LOCALE
    zone = ZoneInfo(customer.timezone if customer else _HOME_ZONE)
    return format_datetime(when, "d MMMM y, h:mm a" if locale == "en_AU" else "d MMMM y, HH:mm", zone, locale)


def init_app(app: Flask) -> None:
    """Give the templates the filters ``money`` and ``moment``."""
    app.jinja_env.filters["money"] = money
    app.jinja_env.filters["moment"] = moment
