"""The console in Chromium: accessible, within the screen, light and dark, fresh by itself and whole without script."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect, sync_playwright

from claimable_benefits.sandbox import RunningSandbox, create_sandbox, serve_sandbox
from claimable_benefits.sandbox.demo import people
from claimable_benefits.sandbox.state.request_state import sandbox
from tests.support.chromium import find_chromium, launch_arguments

MIA = f"/console/people/{people.profile_id('1001')}"
PAGES = ("/", MIA, "/console/calls", "/console/people/nobody")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    expect.set_options(timeout=20_000)  # a busy machine is not a broken page
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=launch_arguments())
        yield browser
        browser.close()


@pytest.fixture
def running() -> Iterator[RunningSandbox]:
    app = create_sandbox(seed="demo")
    client = app.test_client()
    with serve_sandbox(app) as served:
        for path in ("/api/v3/profiles", "/api/v3/nothing"):
            client.get(path, headers={"Authorization": f"Bearer {served.token}"}).close()
        served.faults.add("apply_then_drop", path="*/profiles/*/rede*", method="POST", times=1)
        yield served
    sandbox(app).store.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_every_page_is_accessible_and_within_the_screen(
    chromium: Browser, running: RunningSandbox, width: int, scheme: Literal["light", "dark"]
) -> None:
    with chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme) as context:
        page, said = context.new_page(), list[str]()
        page.on("console", lambda message: said.append(message.text))
        for path in PAGES:
            page.goto(running.url + path)
            for detail in page.locator("details").all():
                detail.evaluate("one => one.open = true")
            found = Axe().run(page).response["violations"]
            wide = page.evaluate("document.documentElement.scrollWidth")

            assert [(path, one["id"]) for one in found] == []
            assert (path, wide) == (path, width)
    assert [one for one in said if "404" not in one] == []


def test_calls_appear_by_themselves(chromium: Browser, running: RunningSandbox) -> None:
    with chromium.new_context() as context:
        page = context.new_page()
        page.goto(running.url)
        head = {"Authorization": f"Bearer {running.token}"}
        with page.expect_response("**/console/calls/latest"):
            pass
        running.app.test_client().get("/api/v3/locations", headers=head).close()

        expect(page.get_by_text("/locations")).to_be_visible()


def test_without_script_a_benefit_is_used_and_a_fault_is_set(chromium: Browser, running: RunningSandbox) -> None:
    with chromium.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(running.url)
        page.get_by_role("link", name="Mia Ngo").click()
        page.get_by_role("button", name="Use at the till (First Spend Discount").click()
        expect(page.get_by_role("status")).to_have_text("Used at the till, without the shop.")
        page.get_by_role("button", name="Clear faults").click()
        expect(page.get_by_text("Off", exact=True)).to_be_visible()
        page.get_by_label("Fault to set").select_option("Everything is refused")
        page.get_by_role("button", name="Set", exact=True).click()

        assert [fault.kind for fault in running.faults.faults] == ["refuse"]
        assert page.url == f"{running.url}{MIA}?done=fault"
