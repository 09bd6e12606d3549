"""Make the wallet cache of an app from its settings."""

from __future__ import annotations

import logging
from hashlib import sha256

from claimable_benefits.cache.redis_store import RedisStore, is_unprotected
from claimable_benefits.cache.thread_pool import ThreadPool
from claimable_benefits.errors import SettingsError
from claimable_benefits.settings import Settings
from claimable_benefits.wallet.wallet_cache import Limits, WalletCache, make_wallet_cache

_log = logging.getLogger("claimable_benefits")


def wallet_cache_of(settings: Settings, thread_pool: ThreadPool, secret_key: str | bytes) -> WalletCache:
    """Make the wallet cache that the settings describe; shared entries are signed with ``secret_key``, the app's.

    Raises `SettingsError`.
    """
    limits = Limits(
        fresh=settings.cache_seconds,
        max_stale=settings.cache_stale_minutes * 60,
        weight=settings.cache_megabytes * 1_000_000,
        budget=settings.page_budget_ms / 1000,
        slots=settings.waiting_threads,
    )
    return make_wallet_cache(limits, thread_pool, _redis_store(settings, secret_key) if settings.cache_url else None)


def _redis_store(settings: Settings, secret_key: str | bytes) -> RedisStore:
    """Open the shared cache; its keys differ by tenant and by the settings that change how answers are parsed."""
    if is_unprotected(settings.cache_url):
        _log.warning(
            "BENEFITS_CACHE_URL names another machine without TLS: anybody who reads that network sees shoppers' "
            "benefits. Write rediss://, or a Unix socket."
        )
    tenant = "|".join((settings.base_url, settings.identity_handle, settings.dates, settings.timezone))
    try:
        return RedisStore(
            settings.cache_url, f"claimable-benefits:1:{sha256(tenant.encode()).hexdigest()[:16]}:", secret_key
        )
    except ImportError as error:
        remedy = 'pip install "flask-claimable-benefits[redis]".'
        raise SettingsError("BENEFITS_CACHE_URL", "needs the package redis, which is not installed.", remedy) from error
    except ValueError as error:
        raise SettingsError("BENEFITS_CACHE_URL", "cannot be read.", "Write redis://host:6379/0.") from error
