"""JSON Logic for claim and view conditions: total, and false for what it cannot read (Omneo facts 16.13)."""

from __future__ import annotations

import json
from typing import Any

try:
    from json_logic.apply import apply
    from json_logic.builtins import BUILTINS, to_bool
except ModuleNotFoundError:  # `check` raises it with the remedy
    BUILTINS = None

_LOOPS = frozenset(("all", "some", "none", "filter", "map"))
# The library's operators, without `log`, which prints, and `reduce`, which can double a text a thousand times.
_WORDS = frozenset(("and", "or", "if", "in", "var", "missing", "missing_some", "min", "max", "cat", "substr", "merge"))
_SIGNS = frozenset(("?:", "!", "!!", "==", "!=", "===", "!==", ">", ">=", "<", "<=", "+", "-", "*", "/", "%"))
_OPERATORS = _LOOPS | _WORDS | _SIGNS
_DEEPEST, _NESTED_LOOPS, _LONGEST = 64, 2, 10_000


def check() -> None:
    """Raise ImportError with the remedy when the JSON Logic library is not installed."""
    if BUILTINS is None:
        raise ImportError("The sandbox needs a JSON Logic library: install flask-claimable-benefits[sandbox].")


def is_true(rule: Any, data: dict[str, Any], *, unreadable: bool = False) -> bool:
    """Return whether a condition is true of a profile: none at all is true, one that cannot be read is `unreadable`."""
    try:
        rule = json.loads(rule) if isinstance(rule, str) else rule
        if rule is None or rule in ({}, []):
            return True
        if not isinstance(rule, dict | bool) or not _is_valid(rule) or len(json.dumps(rule)) > _LONGEST:
            return unreadable
        return bool(to_bool(apply(rule, data, _operations())))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return unreadable


def _is_valid(rule: Any, depth: int = 0, loops: int = 0) -> bool:
    """Return whether every object is one known operator, and nothing is nested beyond reason."""
    if depth > _DEEPEST or loops > _NESTED_LOOPS:
        return False
    if isinstance(rule, list):
        return all(_is_valid(part, depth + 1, loops) for part in rule)
    if not isinstance(rule, dict):
        return True
    if len(rule) != 1:
        return False
    operator, given = next(iter(rule.items()))
    return operator in _OPERATORS and _is_valid(given, depth + 1, loops + (operator in _LOOPS))


def _same(left: Any, right: Any) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _contains(item: Any, container: Any) -> bool:
    if isinstance(container, str):
        return isinstance(item, str) and item in container
    return isinstance(container, list) and any(_same(item, element) for element in container)


def _operations() -> dict[str, Any]:
    """Return the library's operators, without its confusion of 1 with true."""
    return {
        **BUILTINS,
        "===": lambda _data, left=None, right=None, *_rest: _same(left, right),
        "!==": lambda _data, left=None, right=None, *_rest: not _same(left, right),
        "in": lambda _data, item=None, container=None, *_rest: _contains(item, container),
    }
