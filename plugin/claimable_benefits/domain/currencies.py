"""How many decimals the prices of a currency have, as Unicode's CLDR knows them."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=256)
def decimals_of(currency: str) -> int:
    """Return the digits of the currency's minor unit: 2 for AUD, 0 for JPY, 3 for KWD, and 2 for an unknown code."""
    from babel.numbers import get_currency_precision

    return get_currency_precision(currency)


@lru_cache(maxsize=256)
def is_known(currency: str) -> bool:
    """Whether ``currency`` is the code of a currency."""
    from babel.numbers import is_currency

    return is_currency(currency)
