"""QR codes for the till as inline SVG, which needs no script, no style and no further request."""

from __future__ import annotations

from functools import lru_cache

from markupsafe import Markup


@lru_cache(maxsize=256)
def qr_code(code: str) -> Markup:
    """Draw a QR code, dark on white in every theme; empty where ``code`` is too long for one."""
    import segno

    try:
        qr = segno.make(code, error="m", micro=False)
    except segno.DataOverflowError:
        return Markup()
    svg = qr.svg_inline(scale=4, dark="#000000", light="#ffffff", omitsize=True, svgclass=None, lineclass=None)
    return Markup(svg)  # noqa: S704 - made of numbers by segno; the code itself is not in it
