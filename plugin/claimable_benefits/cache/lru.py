"""A bounded store in this process: the least recently used leaves first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class LruCache(Generic[T]):
    """Values by key, at most ``entries`` of them and at most ``weight`` bytes by the callers' estimates.

    Safe between threads.
    """

    def __init__(self, *, entries: int, weight: int) -> None:
        self._most_entries = entries
        self._most_weight = weight
        self._weight = 0
        self._kept: OrderedDict[object, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def weight(self) -> int:
        """The bytes that are kept, by estimate."""
        return self._weight

    def get(self, key: object) -> T | None:
        with self._lock:
            if (found := self._kept.get(key)) is None:
                return None
            self._kept.move_to_end(key)
            return found[0]

    def put(self, key: object, value: T, weight: int) -> bool:
        """Keep ``value``. False where it is heavier than all that may be kept: then nothing is kept under the key."""
        with self._lock:
            self._take_out(key)
            if weight > self._most_weight:
                return False
            self._kept[key] = (value, weight)
            self._weight += weight
            while len(self._kept) > self._most_entries or self._weight > self._most_weight:
                self._take_out(next(iter(self._kept)))
            return True

    def drop(self, key: object) -> None:
        with self._lock:
            self._take_out(key)

    def _take_out(self, key: object) -> None:
        if (found := self._kept.pop(key, None)) is not None:
            self._weight -= found[1]
