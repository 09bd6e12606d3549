"""Photograph the example shop: ``make screenshots``, or ``python -m tests.support.screenshots FOLDER``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from example_shop.server.run import start
from tests.support.chromium import get_chromium, launch_arguments

GOOD_CARD = "4242 4242 4242 4242"
WIDTHS = {"": 1280, "-phone": 390}


def main(folder: Path) -> None:
    """Walk the shopper's way once for each width, and photograph what the shopper sees."""
    folder.mkdir(parents=True, exist_ok=True)
    chromium = get_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=launch_arguments())
        for suffix, width in WIDTHS.items():
            with tempfile.TemporaryDirectory() as data, start(data=Path(data), environ={}) as running:
                context = browser.new_context(viewport={"width": width, "height": 900}, locale="en-AU")
                _walk(context.new_page(), running.shop_url, folder, suffix)
                context.close()
        browser.close()
    print(f"Written to {folder}")


def _walk(page: Page, shop: str, folder: Path, suffix: str) -> None:
    def photograph(name: str) -> None:
        page.screenshot(path=folder / f"{name}{suffix}.png", full_page=True)

    page.goto(f"{shop}/sign-in")
    page.get_by_role("button", name="Mia Ngo").click()
    page.goto(f"{shop}/account/benefits")
    photograph("account")
    page.get_by_role("button", name="Claim Free Shipping").click()
    for product in ("harbour-linen-shirt", "tideline-mug"):
        page.goto(f"{shop}/products/{product}")
        page.get_by_role("button", name="Add to cart").click()
    page.goto(f"{shop}/checkout")
    page.get_by_role("button", name="Apply First Spend Discount").click()
    photograph("checkout")
    page.get_by_label("Card number").fill(GOOD_CARD)
    page.get_by_role("button", name="Place order").click()
    page.get_by_role("heading", name="Thank you").wait_for()
    photograph("thanks")
    page.get_by_role("link", name="View your order").click()
    page.wait_for_timeout(2500)  # the worker delivers the transaction meanwhile
    page.reload()
    photograph("order")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/images"))
