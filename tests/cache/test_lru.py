"""A store that never grows beyond its bounds."""

from __future__ import annotations

from claimable_benefits.cache.lru import LruCache


def test_what_was_used_least_lately_leaves_first() -> None:
    store: LruCache[str] = LruCache(entries=2, weight=100)
    store.put("a", "A", 1)
    store.put("b", "B", 1)
    store.get("a")
    store.put("c", "C", 1)

    assert [store.get(key) for key in "abc"] == ["A", None, "C"]


def test_its_weight_stays_below_the_most() -> None:
    store: LruCache[str] = LruCache(entries=100, weight=10)
    for number in range(20):
        store.put(number, "x", 4)

    assert (len(store), store.weight) == (2, 8)


def test_what_is_heavier_than_all_is_not_kept_and_what_it_replaces_is_gone() -> None:
    store: LruCache[str] = LruCache(entries=100, weight=10)
    store.put("a", "old", 1)

    assert store.put("a", "new", 11) is False
    assert (store.get("a"), store.weight) == (None, 0)


def test_a_value_that_is_put_again_weighs_once() -> None:
    store: LruCache[str] = LruCache(entries=100, weight=10)
    store.put("a", "old", 4)
    store.put("a", "new", 5)

    assert (store.get("a"), store.weight, len(store)) == ("new", 5, 1)
