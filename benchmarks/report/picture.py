"""A picture of how long one shopper waits for the benefits page: bars on a logarithmic scale, in SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping

_BARS = {
    "bare": ("A bare Flask page", "#8a8f98"),
    "warm_30ms": ("Warm", "#2f6f4f"),
    "warm_slow5s": ("Warm, Omneo takes 5 s a call", "#2f6f4f"),
    "cold_30ms": ("Cold, 30 ms a call", "#5b8c74"),
    "first_visit_30ms": ("First visit, 30 ms a call", "#5b8c74"),
    "cold_250ms": ("Cold, 250 ms a call", "#5b8c74"),
}
_FONT = 'aria-labelledby="t" font-family="system-ui, sans-serif" font-size="14"'
_HEADING = "Milliseconds until a shopper has the benefits page (logarithmic)"
_LEFT, _WIDTH, _HEIGHT = 250, 440, 34
_LEAST = 0.1  # ms, where the scale begins


def picture(pages: Mapping[str, float | None]) -> str:
    """Return the picture; ``pages`` are milliseconds by the names above, and what was not measured has no bar."""
    shown = {name: value for name in _BARS if (value := pages.get(name))}
    most = 10 ** math.ceil(math.log10(max([*shown.values(), 1.0]) * 1.01))
    height = 60 + _HEIGHT * len(shown) + 30
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 780 {height}" role="img" {_FONT}>',
            '<title id="t">Milliseconds that one shopper waits for the benefits page</title>',
            f'<rect width="780" height="{height}" fill="#ffffff"/>',
            f'<text x="16" y="30" font-size="16" font-weight="600" fill="#222">{_HEADING}</text>',
            *_scale(most, height),
            *(_bar(row, name, value, most) for row, (name, value) in enumerate(shown.items())),
            "</svg>\n",
        ]
    )


def _bar(row: int, name: str, value: float, most: float) -> str:
    title, colour = _BARS[name]
    top, end = 50 + row * _HEIGHT, _x(value, most)
    return (
        f'<text x="{_LEFT - 10}" y="{top + 19}" text-anchor="end" fill="#222">{title}</text>'
        f'<rect x="{_LEFT}" y="{top + 4}" width="{end - _LEFT:.1f}" height="{_HEIGHT - 12}" fill="{colour}"/>'
        f'<text x="{end + 6:.1f}" y="{top + 19}" fill="#222">{value:.3g}</text>'
    )


def _scale(most: float, height: int) -> list[str]:
    """Return a line and its number at each power of ten."""
    first, last = round(math.log10(_LEAST)), round(math.log10(most))
    marks = [(10.0**power, _x(10.0**power, most)) for power in range(first, last + 1)]
    return [
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="46" y2="{height - 28}" stroke="#ddd"/>'
        f'<text x="{x:.1f}" y="{height - 10}" text-anchor="middle" font-size="12" fill="#555">{value:g}</text>'
        for value, x in marks
    ]


def _x(value: float, most: float) -> float:
    share = math.log10(max(value, _LEAST) / _LEAST) / math.log10(most / _LEAST)
    return _LEFT + _WIDTH * share
