"""A bounded cache in this process: the least recently used value leaves first."""

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
        self._values: OrderedDict[object, tuple[T, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    @property
    def weight(self) -> int:
        """The bytes of all values, by estimate."""
        return self._weight

    def get(self, key: object) -> T | None:
        """Return the value, which becomes the most recently used; None where there is none."""
        with self._lock:
            if (found := self._values.get(key)) is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: object, value: T, weight: int) -> bool:
        """Store ``value``; return False where it alone weighs more than the limit: then the key has no value."""
        with self._lock:
            self._remove(key)
            if weight > self._most_weight:
                return False
            self._values[key] = (value, weight)
            self._weight += weight
            while len(self._values) > self._most_entries or self._weight > self._most_weight:
                self._remove(next(iter(self._values)))
            return True

    def drop(self, key: object) -> None:
        """Remove the value."""
        with self._lock:
            self._remove(key)

    def _remove(self, key: object) -> None:
        if (found := self._values.pop(key, None)) is not None:
            self._weight -= found[1]
