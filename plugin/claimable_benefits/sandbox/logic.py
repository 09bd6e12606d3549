"""JSON Logic for claim and view conditions: total, and false for what it cannot read (Omneo facts 16.13)."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

Operands = list[Any]


class _Unreadable(Exception):
    """The rule is not JSON Logic."""


def holds(rule: Any, data: dict[str, Any]) -> bool:
    """Say whether a condition is true of a profile: none at all is true, an unreadable one is false."""
    try:
        rule = json.loads(rule) if isinstance(rule, str) else rule
        if rule is None or rule in ({}, []):
            return True
        if not isinstance(rule, dict | bool):
            return False
        return bool(_value(rule, data))
    except (_Unreadable, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        return False


def _value(rule: Any, data: Any) -> Any:
    if isinstance(rule, list):
        return [_value(part, data) for part in rule]
    if not isinstance(rule, dict):
        return rule
    if len(rule) != 1:
        raise _Unreadable
    operator, given = next(iter(rule.items()))
    operands = given if isinstance(given, list) else [given]
    if operator in _LAZY:
        return _LAZY[operator](operands, data)
    if operator not in _EAGER:
        raise _Unreadable
    return _EAGER[operator](*(_value(part, data) for part in operands))


def _and(operands: Operands, data: Any) -> Any:
    result: Any = True
    for part in operands:
        result = _value(part, data)
        if not result:
            break
    return result


def _or(operands: Operands, data: Any) -> Any:
    result: Any = False
    for part in operands:
        result = _value(part, data)
        if result:
            break
    return result


def _if(operands: Operands, data: Any) -> Any:
    for position in range(0, len(operands) - 1, 2):
        if _value(operands[position], data):
            return _value(operands[position + 1], data)
    return _value(operands[-1], data) if len(operands) % 2 else None


def _look_up(path: Any, data: Any, default: Any = None) -> Any:
    if path is None or path == "":
        return data
    for step in str(path).split("."):
        try:
            data = data[int(step)] if isinstance(data, list) else data[step]
        except (LookupError, TypeError, ValueError):
            return default
    return default if data is None else data


def _var(operands: Operands, data: Any) -> Any:
    path, default = [*(_value(part, data) for part in operands[:2]), None, None][:2]
    return _look_up(path, data, default)


def _missing(operands: Operands, data: Any) -> list[Any]:
    names = [_value(part, data) for part in operands]
    names = names[0] if names and isinstance(names[0], list) else names
    return [name for name in names if _look_up(name, data) in (None, "")]


def _missing_some(operands: Operands, data: Any) -> list[Any]:
    needed, names = _value(operands[0], data), _value(operands[1], data)
    absent = _missing([names], data)
    return [] if len(names) - len(absent) >= needed else absent


def _matches(operands: Operands, data: Any) -> list[bool]:
    """Return for each element of a list whether the inner rule, which sees only the element, is true of it."""
    elements, inner = _value(operands[0], data) or [], operands[1]
    return [bool(_value(inner, element)) for element in elements]


def _all(operands: Operands, data: Any) -> bool:
    found = _matches(operands, data)
    return bool(found) and all(found)  # JSON Logic: not true of an empty list


def _number(value: Any) -> float:
    if value is None:
        raise _Unreadable
    return float(value)


def _equal(left: Any, right: Any) -> bool:
    if (isinstance(left, str) and isinstance(right, str)) or left is None or right is None:
        return bool(left == right)
    try:
        return _number(left) == _number(right)
    except (TypeError, ValueError):
        return bool(left == right)


def _same(left: Any, right: Any) -> bool:
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _rising(*values: Any, strictly: bool) -> bool:
    """Say whether each value is below (or at most) the next; nothing is above or below null."""
    if any(value is None for value in values):
        return False
    keys: list[Any] = (
        list(values) if all(isinstance(value, str) for value in values) else [_number(value) for value in values]
    )
    return all(low < high if strictly else low <= high for low, high in pairwise(keys))


def _contains(needle: Any, hay: Any) -> bool:
    if isinstance(hay, str):
        return isinstance(needle, str) and needle in hay
    return isinstance(hay, list) and any(_same(needle, straw) for straw in hay)


_LAZY: dict[str, Callable[[Operands, Any], Any]] = {
    "and": _and,
    "or": _or,
    "if": _if,
    "?:": _if,
    "var": _var,
    "missing": _missing,
    "missing_some": _missing_some,
    "some": lambda operands, data: any(_matches(operands, data)),
    "none": lambda operands, data: not any(_matches(operands, data)),
    "all": _all,
}
_EAGER: dict[str, Callable[..., Any]] = {
    "!": lambda value: not value,
    "!!": bool,
    "==": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "===": _same,
    "!==": lambda left, right: not _same(left, right),
    "<": lambda *values: _rising(*values, strictly=True),
    "<=": lambda *values: _rising(*values, strictly=False),
    ">": lambda left, right: _rising(right, left, strictly=True),
    ">=": lambda left, right: _rising(right, left, strictly=False),
    "in": _contains,
    "+": lambda *values: sum(_number(value) for value in values),
    "-": lambda first, *rest: -_number(first) if not rest else _number(first) - _number(rest[0]),
    "min": lambda *values: min(_number(value) for value in values),
    "max": lambda *values: max(_number(value) for value in values),
}
