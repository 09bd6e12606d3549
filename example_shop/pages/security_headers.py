"""The security headers of every answer: content security policy, no sniffing, no caching of pages."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, current_app, request


def init_app(app: Flask) -> None:
    """Add the headers to every answer; a view that sets one of them itself keeps its own."""
    app.after_request(_add_headers)


def _add_headers(response: Response) -> Response:
    payments = urlsplit(current_app.config["PAYMENTS_URL"])
    rules = (
        "default-src 'self'",
        "img-src 'self' data: https:",
        # Browsers check this along redirects too, and a payment may lead to the provider's page.
        f"form-action 'self' {payments.scheme}://{payments.netloc}",
        "base-uri 'none'",
        # The sandbox's console shows the shop beside Omneo's data; no other page may embed the shop.
        f"frame-ancestors {_allowed_parents()}",
        "object-src 'none'",
    )
    response.headers.setdefault("Content-Security-Policy", "; ".join(rules))
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    if request.endpoint != "static" and not (request.endpoint or "").endswith(".static"):
        response.headers.setdefault("Cache-Control", "private, no-store")
    return response


def _allowed_parents() -> str:
    return current_app.config.get("CONSOLE_URL") or "'none'"
