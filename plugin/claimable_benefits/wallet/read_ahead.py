"""Read wallets ahead of the pages that will show them, such as at sign-in."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.cache.thread_pool import ThreadPool
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.errors import BenefitsError
from claimable_benefits.wallet.source import WalletSource
from claimable_benefits.wallet.wallet_cache import WalletCache

_log = logging.getLogger("claimable_benefits")
_GAP = 600.0  # seconds between two reads ahead for one shopper
_THREADS, _QUEUE = 2, 50  # few, so that pages that wait for their own reads come first
_SHOPPERS = 10_000  # whose last read ahead this process remembers


class ReadAhead:
    """Reads each shopper's wallet at most once in ten minutes in this process, in two threads of its own.

    A bounded queue drops what does not fit. Nothing is read while a circuit breaker of Omneo's client is open, or while
    ``is_paused``, which is asked in the background: it may read the ledger. ``clock`` counts seconds and never goes
    back.
    """

    def __init__(
        self,
        wallets: WalletCache,
        source: WalletSource,
        is_paused: Callable[[], bool],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wallets = wallets
        self._source = source
        self._is_paused = is_paused
        self._clock = clock
        self._thread_pool = ThreadPool(_THREADS, _QUEUE)
        self._last: LruCache[float] = LruCache(entries=_SHOPPERS, weight=_SHOPPERS)
        self._lock = threading.Lock()

    def warm(self, shopper: Shopper) -> None:
        """Queue a read of the shopper's wallet, or do nothing. Returns at once."""
        if self._source.omneo.has_open_breaker():
            return
        customer_id, now = shopper.customer_id, self._clock()
        with self._lock:
            last = self._last.get(customer_id)
            if last is not None and now - last < _GAP:
                return
            self._last.put(customer_id, now, 1)
        if not self._thread_pool.submit(lambda: self._read(shopper)):
            self._last.drop(customer_id)  # it was not read, so a later page may ask again

    def stop(self) -> None:
        """Drop what waits, and accept nothing more."""
        self._thread_pool.stop()

    def _read(self, shopper: Shopper) -> None:
        try:
            if self._source.omneo.has_open_breaker() or self._is_paused():
                self._last.drop(shopper.customer_id)
                return
            self._wallets.prefetch(self._source, shopper)
        except BenefitsError as error:
            _log.warning("A wallet could not be read ahead: %s", error)
