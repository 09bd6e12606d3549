"""Codes for the till: a QR code as inline SVG, which needs no script, no style and no further request."""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup


@lru_cache(maxsize=256)
def qr_code(code: str) -> Markup:
    """A QR code, dark on white whatever the theme; empty where ``code`` is too long for one."""
    import segno  # only where there is something to draw

    try:
        qr = segno.make(code, error="m", micro=False)
    except segno.DataOverflowError:
        return Markup()
    svg = qr.svg_inline(scale=4, dark="#000000", light="#ffffff", omitsize=True, svgclass=None, lineclass=None)
    return Markup(svg)  # noqa: S704 - made of numbers by segno; the code itself is not in it
