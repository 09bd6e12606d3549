"""The pages in Chromium: accessible, within the screen, usable by keyboard and without script, light and dark."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, TypeVar

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from flask.wrappers import Response
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright
from werkzeug.serving import make_server

from claimable_benefits.errors import NotApplied, StillLoading
from claimable_benefits.service.account.wallet_view import Wallet
from claimable_benefits.service.holds.offers import Offers
from claimable_benefits.web.current import STATIC_FOLDER
from tests.support.chromium import REMEDY, find_chromium, launch_arguments
from tests.web.demo import LOUNGE, demo
from tests.web.hostile import ALL, hostile
from tests.web.page_data import PageData, held, make_shop, use

CSP = "default-src 'none'; style-src 'self'; img-src 'self' https:; form-action 'self'; base-uri 'none'"
WITH_SCRIPT = f"{CSP}; script-src 'self'; connect-src 'self'"
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}
PAGES = (
    "/account/benefits",
    "/account/benefits/held/b-lounge",
    "/account/benefits/held/b-birthday",
    "/account/benefits/held/b-old",
    "/account/benefits/held/nope",
    "/account/benefits/claimable/free-shipping",
    "/account/benefits/claimable/prize-draw",
    "/account/benefits/uses/u-1",
    "/checkout",
    "/orders/1001",
)
# Chromium says so of every page that is a 404 or a 503, as some of ours are.
_STATUS = "Failed to load resource: the server responded with a status of"
Serve = Callable[[Flask], str]
Found = TypeVar("Found")


class Chromium:
    """One browser in a thread of its own: playwright allows one per thread, and other folders have theirs."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._playwright: Playwright
        self._browser: Browser
        self._thread.submit(self._start).result()

    def walk(self, story: Callable[[Page], Found], **options: Any) -> Found:
        """Run ``story`` in a new window; ``options`` are those of a browser context."""
        return self._thread.submit(self._walk, story, options).result()

    def close(self) -> None:
        self._thread.submit(self._stop).result()
        self._thread.shutdown()

    def _start(self) -> None:
        path = find_chromium()
        assert path is not None, REMEDY
        self._playwright = sync_playwright().start()
        self._browser = self._playwright.chromium.launch(executable_path=path, args=launch_arguments())

    def _walk(self, story: Callable[[Page], Found], options: dict[str, Any]) -> Found:
        with self._browser.new_context(**options) as context:
            return story(context.new_page())

    def _stop(self) -> None:
        self._browser.close()
        self._playwright.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    browser = Chromium()
    yield browser
    browser.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serve an app on a free port of this machine, under a strict policy; gives its address."""
    running = []

    def start(app: Flask) -> str:
        @app.after_request
        def strict(response: Response) -> Response:
            response.headers["Content-Security-Policy"] = app.config.get("CSP", CSP)
            return response

        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def served(serve: Serve) -> tuple[PageData, str]:
    data = demo()
    data.uses["u-1"] = ("mia", use("u-1", held("b-lounge", LOUNGE, code_online="LOUNGE-1").benefit))
    return data, serve(make_shop(data))


def complaints(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    troubles = [f"{one['id']}: {[node['target'] for node in one['nodes']][:3]}" for one in found]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        troubles.append("wider than the screen")
    return troubles


def complaints_of_pages(address: str, paths: Iterable[str]) -> Callable[[Page], dict[str, list[str]]]:
    """A story that opens each page as Mia, and gives what axe, the console and the page's width complain about."""

    def story(page: Page) -> dict[str, list[str]]:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{address}/sign-in/mia")
        found = {}
        for path in paths:
            said.clear()
            page.goto(address + path)
            for summary in page.locator("summary").all():
                summary.click()
            found[path] = complaints(page) + [text for text in said if not text.startswith(_STATUS)]
        return {path: troubles for path, troubles in found.items() if troubles}

    return story


@pytest.mark.parametrize("width", [1280, 320])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_fits_its_screen(
    chromium: Chromium, served: tuple[PageData, str], scheme: Literal["light", "dark"], width: int
) -> None:
    size = {"width": width, "height": 900}
    troubles = chromium.walk(complaints_of_pages(served[1], PAGES), viewport=size, color_scheme=scheme)

    assert troubles == {}


@pytest.mark.parametrize("state", ["guest", "unknown", "empty", "down", "late"])
def test_every_empty_state_is_accessible(chromium: Chromium, serve: Serve, state: str) -> None:
    data = demo()
    app = make_shop(data)
    address = serve(app)
    if state == "guest":
        data.shoppers.clear()
    if state == "down":
        data.fails("preview_wallet", NotApplied("down"))
    if state == "late":
        data.fails("preview_wallet", StillLoading("late"))
        app.config["CSP"] = WITH_SCRIPT
    data.wallets["mia"] = Wallet(known=state != "unknown")
    data.offers["mia"] = Offers(reachable=state not in ("down", "late"), is_loading=state == "late")
    data.histories.clear()
    troubles = chromium.walk(complaints_of_pages(address, ("/account/benefits", "/checkout")))

    assert troubles == {}


def test_inside_a_dark_layout_the_regions_stay_readable(chromium: Chromium, serve: Serve, tmp_path: Path) -> None:
    dark = (
        '<!doctype html><html lang="en"><head><title>{% block title %}{% endblock %}</title>'
        '{% block head %}{% endblock %}<link rel="stylesheet" href="/dark.css"></head>'
        "<body><main>{% block content %}{% endblock %}</main></body></html>"
    )
    (tmp_path / "layout.html").write_text(dark, encoding="utf-8")
    app = make_shop(demo(), {"BENEFITS_BASE_TEMPLATE": "layout.html"}, template_folder=tmp_path)
    app.add_url_rule(
        "/dark.css", view_func=lambda: Response("body { background: #101010; color: #eeeeee }", mimetype="text/css")
    )
    troubles = chromium.walk(
        complaints_of_pages(serve(app), ("/account/benefits", "/account/benefits/held/b-birthday"))
    )

    assert troubles == {}


@pytest.mark.parametrize("path", ["/account/benefits", "/account/benefits/held/yours", "/checkout", "/orders/1"])
def test_no_text_of_an_attacker_runs(chromium: Chromium, serve: Serve, path: str) -> None:
    address = serve(make_shop(hostile(ALL)))

    def story(page: Page) -> tuple[object, str, int]:
        page.goto(f"{address}/sign-in/mia")
        page.goto(address + path)
        for link in page.locator("a:not([href])", has_text="press").all():
            link.dispatch_event("click")
        return page.evaluate("window.pwned"), page.url, page.locator("h1").count()

    assert chromium.walk(story) == (None, address + path, 1)


def test_claiming_needs_no_script(chromium: Chromium, served: tuple[PageData, str]) -> None:
    def story(page: Page) -> None:
        page.goto(f"{served[1]}/sign-in/mia")
        page.get_by_role("button", name="Claim Free Shipping").click()

        expect(page.get_by_role("status")).to_have_text("Free Shipping is yours.")
        expect(page.get_by_role("heading", name="Your benefits", level=1)).to_be_visible()

    chromium.walk(story, java_script_enabled=False)


def test_using_takes_one_press_and_shows_the_receipt(chromium: Chromium, served: tuple[PageData, str]) -> None:
    def story(page: Page) -> None:
        page.goto(f"{served[1]}/sign-in/mia")
        page.get_by_role("button", name="Use Lounge Visit now").click()

        expect(page.get_by_role("heading", name="Lounge Visit")).to_be_visible()
        expect(page.get_by_text("Used on 15 June 2025")).to_be_visible()

    chromium.walk(story, java_script_enabled=False)


def test_claiming_and_using_at_once_needs_no_script(chromium: Chromium, served: tuple[PageData, str]) -> None:
    def story(page: Page) -> None:
        page.goto(f"{served[1]}/sign-in/mia")
        button = page.get_by_role("button", name="Claim and use Prize Draw Entry now")
        expect(button).to_have_accessible_description(
            "It is used as soon as you claim it, and cannot be kept for later."
        )
        button.click()

        expect(page.get_by_role("heading", name="Prize Draw Entry")).to_be_visible()
        expect(page.get_by_text("DRAW-LORNE")).to_be_visible()

    chromium.walk(story, java_script_enabled=False)


def test_a_double_click_claims_once(chromium: Chromium, served: tuple[PageData, str]) -> None:
    data, address = served

    def story(page: Page) -> None:
        page.goto(f"{address}/sign-in/mia")
        page.get_by_role("button", name="Claim Free Shipping").dblclick()
        expect(page.get_by_role("status").first).to_be_visible()

    chromium.walk(story)

    assert len({call[3] for call in data.calls}) == 1


def test_applying_by_keyboard_returns_to_the_checkout(chromium: Chromium, served: tuple[PageData, str]) -> None:
    def story(page: Page) -> str:
        page.goto(f"{served[1]}/sign-in/mia")
        page.goto(f"{served[1]}/checkout?step=2")
        panel = page.get_by_role("region", name="Benefits")
        panel.get_by_role("button", name="Apply 10% off").focus()
        page.keyboard.press("Enter")
        expect(panel.get_by_role("status")).to_have_text("10% off is applied.")
        return page.url

    assert chromium.walk(story) == f"{served[1]}/checkout?step=2"


def test_the_record_is_a_region_of_terms_and_definitions(chromium: Chromium, served: tuple[PageData, str]) -> None:
    def story(page: Page) -> None:
        page.goto(f"{served[1]}/orders/1001")
        record = page.get_by_role("region", name="Loyalty record")

        expect(record.get_by_role("term")).to_have_text(["Benefit", "Redemption", "Delivered", "Transaction"])
        expect(record.get_by_role("definition").nth(1)).to_have_text("159")

    chromium.walk(story)


def test_a_press_after_signing_in_as_somebody_else_is_refused(chromium: Chromium, served: tuple[PageData, str]) -> None:
    data, address = served

    def story(page: Page) -> None:
        page.goto(f"{address}/sign-in/mia")
        page.context.new_page().goto(f"{address}/sign-in/new")
        page.get_by_role("button", name="Claim Free Shipping").click()
        expect(page.get_by_role("heading", name="That did not work")).to_be_visible()

    chromium.walk(story)

    assert data.calls == []


def test_the_buttons_are_large_enough_to_press(chromium: Chromium, served: tuple[PageData, str]) -> None:
    def story(page: Page) -> list[float]:
        page.goto(f"{served[1]}/sign-in/mia")
        boxes = [button.bounding_box() for button in page.get_by_role("button").all()]
        return [box["height"] for box in boxes if box]

    heights = chromium.walk(story, viewport={"width": 320, "height": 700})

    assert len(heights) == 4
    assert min(heights) >= 44


# A region that fills itself.

ASKS = {"/account/benefits": "**/benefits/fragment", "/checkout": "**/benefits/panel**"}


@pytest.fixture
def late(serve: Serve) -> tuple[PageData, str]:
    data = demo()
    app = make_shop(data)
    app.config["CSP"] = WITH_SCRIPT
    make_late(data)
    return data, serve(app)


def make_late(data: PageData) -> None:
    data.fails("preview_wallet", StillLoading("late"))
    data.offers["mia"] = Offers(reachable=False, is_loading=True)


def answer(data: PageData) -> None:
    data.failing.clear()
    data.offers["mia"] = demo().offers["mia"]


def next_ask(page: Page, path: str) -> int:
    """Wait for the next ask; give its status."""
    with page.expect_response(ASKS[path]) as response:
        pass
    return response.value.status


@pytest.mark.timing
@pytest.mark.parametrize(
    ("path", "button"), [("/account/benefits", "Claim Free Shipping"), ("/checkout", "Apply 10% off")]
)
def test_benefits_that_are_late_come_by_themselves(
    chromium: Chromium, late: tuple[PageData, str], path: str, button: str
) -> None:
    data, address = late

    def story(page: Page) -> list[str]:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(f"{address}/sign-in/mia")
        page.goto(address + path)
        busy = page.locator("[data-cb-fill]")
        expect(busy).to_have_attribute("aria-busy", "true")
        expect(busy.get_by_role("status")).to_have_text("We are fetching your benefits from the loyalty programme.")
        expect(page.get_by_role("link", name="Show my benefits")).to_be_hidden()
        assert next_ask(page, path) == 204
        answer(data)
        expect(page.get_by_role("button", name=button)).to_be_visible()
        expect(page.get_by_role("status").first).to_have_text("Your benefits are shown.")
        expect(page.locator("h1")).to_have_count(1)
        expect(page.get_by_role("region", name="Benefits", exact=True)).to_have_count(1 if path == "/checkout" else 0)
        troubles = complaints(page)
        page.get_by_role("button", name=button).click()
        expect(
            page.get_by_role("status").filter(has_text="is " if path == "/checkout" else "is yours.")
        ).to_be_visible()
        return [text for text in said if not text.startswith(_STATUS)] + troubles

    assert chromium.walk(story) == []


@pytest.mark.timing
def test_after_four_asks_there_is_a_button_which_asks_again(chromium: Chromium, late: tuple[PageData, str]) -> None:
    data, address = late

    def story(page: Page) -> tuple[int, list[str]]:
        asks: list[str] = []
        page.on("request", lambda request: asks.append(request.url) if "panel" in request.url else None)
        page.goto(f"{address}/sign-in/mia")
        page.goto(f"{address}/checkout")
        button = page.get_by_role("link", name="Show my benefits")
        expect(button).to_be_hidden()
        expect(button).to_be_visible(timeout=30_000)
        expect(page.get_by_role("status")).to_have_text("The loyalty programme takes longer than usual.")
        after_four = len(asks)
        troubles = complaints(page)
        answer(data)
        button.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Apply 10% off")).to_be_visible()
        expect(page.get_by_role("region", name="Benefits")).to_be_focused()
        return after_four, troubles

    assert chromium.walk(story) == (4, [])


@pytest.mark.timing
def test_a_benefits_own_page_is_loaded_again(chromium: Chromium, late: tuple[PageData, str]) -> None:
    data, address = late

    def story(page: Page) -> None:
        page.goto(f"{address}/sign-in/mia")
        page.goto(f"{address}/account/benefits/held/b-lounge")
        assert next_ask(page, "/account/benefits") == 204
        answer(data)
        expect(page.get_by_role("heading", name="Lounge Visit", level=1)).to_be_visible()

    chromium.walk(story)


# As a checkout does that shows new prices: scripts in such a document do not run.
_REPLACE = """async () => {
  const text = await (await fetch("/checkout")).text();
  const page = new DOMParser().parseFromString(text, "text/html");
  document.querySelector("main").replaceWith(page.querySelector("main"));
}"""


@pytest.mark.timing
def test_a_region_that_the_shops_own_script_puts_in_fills_itself(
    chromium: Chromium, late: tuple[PageData, str]
) -> None:
    data, address = late

    def story(page: Page) -> None:
        page.goto(f"{address}/sign-in/mia")
        page.goto(f"{address}/checkout")
        expect(page.locator("[data-cb-fill]")).to_have_attribute("aria-busy", "true")
        page.evaluate(_REPLACE)
        expect(page.locator("[data-cb-fill]")).to_have_attribute("aria-busy", "true")
        answer(data)
        expect(page.get_by_role("button", name="Apply 10% off")).to_be_visible()

    chromium.walk(story)


@pytest.mark.parametrize(
    ("path", "button"), [("/account/benefits", "Claim Free Shipping"), ("/checkout?step=2", "Apply 10% off")]
)
def test_without_a_script_the_button_is_there_at_once(
    chromium: Chromium, late: tuple[PageData, str], path: str, button: str
) -> None:
    data, address = late

    def story(page: Page) -> str:
        page.goto(f"{address}/sign-in/mia")
        page.goto(address + path)
        show = page.get_by_role("link", name="Show my benefits")
        expect(show).to_be_visible()
        answer(data)
        show.click()
        expect(page.get_by_role("button", name=button)).to_be_visible()
        return page.url

    assert chromium.walk(story, java_script_enabled=False) == address + path


def test_the_script_stays_small() -> None:
    assert (STATIC_FOLDER / "benefits.js").stat().st_size <= 1800
