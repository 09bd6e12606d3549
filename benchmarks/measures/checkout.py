"""The example shop's warm checkout page under gunicorn, with the plugin and without: processor time of a page.

Without the plugin the page has no panel, and pricing the cart does not read what is applied; the rest is the same.
"""

from __future__ import annotations

import http.client
import re
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

from flask import Flask
from markupsafe import Markup

from benchmarks.apps.page import policies
from benchmarks.figures import Figures, Scale, between
from benchmarks.servers import load, omneo
from benchmarks.servers.load import Kind
from benchmarks.servers.web import Server, serving
from example_shop import wsgi
from example_shop.extensions import benefits

_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_BUSY = 16  # connections
_NOTHING = {
    "benefits_panel": Markup,
    "benefits_record": lambda *_: Markup(),
}


def create_app() -> Flask:
    """Create the example shop."""
    return wsgi.create_app()


def create_app_without() -> Flask:
    """Create the example shop as if it had no plugin."""
    benefits.applied = lambda: None  # type: ignore[method-assign] # in a process that serves nothing else
    return wsgi.create_app(adjust=lambda app: app.jinja_env.globals.update(_NOTHING))


def measure(folder: Path, scale: Scale) -> Figures:
    """Run both shops for the whole measurement, on one database, for the same shopper and cart."""
    with ExitStack() as stack:
        upstream = stack.enter_context(omneo.running())
        env = _environment(folder, upstream.base_url)
        servers = {
            name: stack.enter_context(serving(f"benchmarks.measures.checkout:{factory}", env))
            for name, factory in {"with": "create_app", "without": "create_app_without"}.items()
        }
        cookie = _fill_cart(servers["with"])
        runs: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
        for server in servers.values():
            load.run(server.port, [_kind(cookie)], 2)
        for _ in range(scale.rounds):
            for name, server in servers.items():
                seen, each = server.ask(_kind(cookie), scale.seconds)
                runs[name].append((seen.rate, each))
    cpu = {name: [each for _, each in found] for name, found in runs.items()}
    rate = {name: [pages for pages, _ in found] for name, found in runs.items()}
    return Figures(
        judged={"checkout_page_vs_without_plugin": between(cpu["without"], cpu["with"])},
        cpu={f"checkout {name}": median(found) for name, found in cpu.items()},
        told={"checkout_page_vs_without_plugin_by_pages_a_second": between(rate["with"], rate["without"])},
    )


def _environment(folder: Path, base_url: str) -> dict[str, str]:
    data = folder / "checkout"
    data.mkdir()
    (data / "policies.toml").write_text(policies(), encoding="utf-8")
    return {
        "SHOP_DATA": str(data),
        "PAYMENTS_URL": "http://127.0.0.1:9",  # no payment is made
        "OMNEO_BASE_URL": base_url,
        "OMNEO_TOKEN": "token",
        "OMNEO_DIALECT": "guide",
        "BENEFITS_POLICIES": str(data / "policies.toml"),
        "BENEFITS_WORKER": "off",
    }


def _kind(cookie: str) -> Kind:
    return Kind("/checkout", _BUSY, (f"Cookie: {cookie}",))


def _fill_cart(server: Server) -> str:
    """Sign in and put something into the cart, as a browser would; return the session's cookie."""
    cookie, page = _exchange(server, "GET", "/sign-in", "")
    cookie, _ = _exchange(server, "POST", "/sign-in", cookie, customer_id="1001", csrf_token=_token(page))
    cookie, page = _exchange(server, "GET", "/products/harbour-linen-shirt", cookie)
    cookie, _ = _exchange(
        server, "POST", "/cart", cookie, sku="harbour-linen-shirt", quantity="1", csrf_token=_token(page)
    )
    _, page = _exchange(server, "GET", "/checkout", cookie)
    if "cb-panel" not in page:
        raise RuntimeError("The checkout page has no panel.")
    return cookie


def _exchange(server: Server, method: str, path: str, cookie: str, **form: str) -> tuple[str, str]:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
    client.request(method, path, urlencode(form), headers)
    answer = client.getresponse()
    page = answer.read().decode()
    client.close()
    if answer.status >= 400:
        raise RuntimeError(f"{path} answers {answer.status}.")
    return (answer.headers.get("Set-Cookie") or cookie).split(";")[0], page


def _token(page: str) -> str:
    found = _TOKEN.search(page)
    if not found:
        raise RuntimeError("The page has no form.")
    return found[1]
