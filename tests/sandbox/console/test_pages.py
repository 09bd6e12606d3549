"""The console: what it shows, what its forms change, and who may send them."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from flask.testing import FlaskClient

from claimable_benefits.sandbox import create_sandbox
from claimable_benefits.sandbox.access.loopback import is_loopback
from claimable_benefits.sandbox.demo import people
from claimable_benefits.sandbox.faults.presets import PRESETS
from claimable_benefits.sandbox.state.fault_injector import FaultInjector
from claimable_benefits.sandbox.state.request_state import sandbox
from claimable_benefits.sandbox.state.switches import SWITCHES
from tests.sandbox.client import SandboxClient

MIA = people.profile_id("1001")
PERSON = f"/console/people/{MIA}"
HERE = "http://localhost"


class Page(HTMLParser):
    """A page's status, its text and every address in it."""

    def __init__(self, client: FlaskClient, path: str, form: dict[str, str] | None = None, **headers: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.addresses: list[str] = []
        method = "GET" if form is None else "POST"
        with client.open(path, method=method, data=form, headers=headers) as answer:
            self.status, self.headers, self.html = answer.status_code, answer.headers, answer.get_data(as_text=True)
        self.feed(self.html)
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - named by the parser
        """Collect what leads elsewhere."""
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "action")]

    def handle_data(self, data: str) -> None:
        """Collect what a person reads."""
        self.texts.append(data)


@pytest.fixture
def console(demo: SandboxClient) -> SandboxClient:
    """The demo without faults and calls."""
    box = sandbox(demo.app)
    box.faults.clear()
    box.calls.clear()
    return demo


def open_page(api: SandboxClient, path: str) -> Page:
    return Page(api.client, path)


def submit(api: SandboxClient, path: str, form: dict[str, str], **headers: str) -> Page:
    return Page(api.client, path, form, **headers)


def test_the_people_are_there_with_what_they_can_use(console: SandboxClient) -> None:
    page = open_page(console, "/")

    assert page.status == 200
    assert "Mia Ngo Customer 1001 · gold 4 usable" in page.text
    assert "No calls yet" in page.text


def test_a_person_is_shown_as_omneo_holds_them(console: SandboxClient) -> None:
    page = open_page(console, PERSON)

    assert "First Spend Discount Usable 1 use left" in page.text
    assert "Summer Scarf Expired" in page.text
    assert "in transaction 1" in page.text
    assert "89.50 100007 carries redemption 7" in page.text
    assert "Claimable now Free Shipping" in page.text


def test_a_person_who_is_not_there_is_a_page_that_says_so(console: SandboxClient) -> None:
    page = open_page(console, "/console/people/nobody")

    assert (page.status, "No such profile." in page.text) == (404, True)


def test_calls_appear_with_their_references_and_faults(console: SandboxClient) -> None:
    sandbox(console.app).faults.add("status", code=503, method="POST")
    console.order(external_id="100042")
    console.get("/profiles")

    page, details = open_page(console, "/console/calls/latest"), open_page(console, "/console/calls")

    assert page.text.startswith("200 GET /profiles")
    assert "503 POST /transactions" in page.text
    assert "for 100042 error status" in page.text
    assert ('"external_id": "100042"' in details.text, '"external_id"' in page.text) == (True, False)


def test_a_benefit_is_issued_and_used_at_the_till(console: SandboxClient) -> None:
    issued = submit(console, f"{PERSON}/issue", {"definition": "barista-coffee", "back": PERSON})
    newest = console.get("/benefits", sort="-id").data[0]
    used = submit(console, f"{PERSON}/benefits/{newest['id']}/use", {"back": PERSON})
    again = submit(console, f"{PERSON}/benefits/{newest['id']}/use", {"back": PERSON})

    assert (issued.status, issued.headers["Location"]) == (303, f"{PERSON}?done=issued")
    assert (newest["profile_id"], newest["definition"]["handle"]) == (MIA, "barista-coffee")
    assert (used.status, used.headers["Location"]) == (303, f"{PERSON}?done=used")
    assert console.get(f"/benefits/{newest['id']}").data["redemptions_remaining"] == 0
    assert (again.status, "This benefit has 0 uses left." in again.text) == (422, True)


def test_the_clock_is_moved_stopped_and_set_going(console: SandboxClient) -> None:
    clock = sandbox(console.app).clock_control
    start = clock.now

    submit(console, "/console/clock", {"do": "freeze"})
    frozen = clock.is_frozen
    submit(console, "/console/clock", {"do": "11"})
    moved = clock.now
    submit(console, "/console/clock", {"do": "resume"})

    assert (frozen, clock.is_frozen) == (True, False)
    assert (moved - start).total_seconds() == 660
    assert submit(console, "/console/clock", {"do": "tomorrow"}).status == 422
    assert submit(console, "/console/clock", {"do": "9" * 30}).status == 422


def test_switches_are_seen_and_set(console: SandboxClient) -> None:
    before = open_page(console, "/console/switches")
    submit(console, "/console/switches", {"dates": "echo", "numbers": "strings", "do": "set"})
    after = open_page(console, "/console/switches")
    values = console.get("/_sandbox/switches").json["switches"]
    submit(console, "/console/switches", {"dates": "echo", "do": "defaults"})
    back = open_page(console, "/console/switches")

    assert [name for name in SWITCHES if name not in before.text] == []
    assert {one["name"]: one["value"] for one in values if one["value"] != one["default"]} == {
        "dates": "echo",
        "numbers": "strings",
    }
    assert ("2 changed" in before.text, "2 changed" in after.text, "changed" in back.text) == (False, True, False)
    assert "<option selected>echo</option>" in after.html


def test_a_switch_that_is_set_to_no_value_of_its_own_is_a_page_that_says_so(console: SandboxClient) -> None:
    page = submit(console, "/console/switches", {"dates": "local", "do": "set"})

    assert (page.status, "dates is one of utc, echo, naive" in page.text) == (422, True)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_can_be_set_is_shown_and_is_cleared(console: SandboxClient, preset: str) -> None:
    submit(console, "/console/faults", {"preset": preset})
    page = open_page(console, "/")
    submit(console, "/console/faults", {})

    assert f"Faults {PRESETS[preset].label} Fault to set" in page.text
    assert "Faults None Off" in open_page(console, "/").text


def test_the_next_redemption_is_a_redemption_and_no_reversal() -> None:
    injector = FaultInjector()
    fault = injector.add(**PRESETS["lost-answer"].fault)

    met = [path for path in PATHS if fault.matches("POST", f"/api/v3{path}")]

    assert met == PATHS[:3]


PATHS = [
    "/profiles/7/benefits/8/redemptions",
    "/profiles/7/benefits/8/redeem",
    "/profiles/7/redeem",
    "/redemptions/9/reversal",
    "/redemptions/9/benefit/return",
    "/profiles/7/benefits/claim",
]


def test_a_reset_brings_the_people_back_and_clears_faults(console: SandboxClient) -> None:
    submit(console, "/console/faults", {"preset": "refused"})
    submit(console, "/console/reset", {"seed": "empty"})
    emptied = open_page(console, "/")
    submit(console, "/console/reset", {"seed": "demo"})

    assert "There are no people yet." in emptied.text
    assert "Faults None Off" in emptied.text
    assert "Mia Ngo" in open_page(console, "/").text


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "/console/../x", "/\\evil", "/api/v3"])
def test_a_form_leads_back_to_the_console_only(console: SandboxClient, back: str) -> None:
    page = submit(console, "/console/clock", {"do": "1", "back": back})

    assert page.headers["Location"] == "/?done=clock"


def test_what_people_are_called_is_text_and_no_markup(api: SandboxClient) -> None:
    profile = api.profile(first_name="<script>alert(1)</script>", email='"><img src=x>@example.com')

    for path in ("/", f"/console/people/{profile}", "/console/calls"):
        page = open_page(api, path)
        assert ("<script>alert" in page.html, "<img" in page.html) == (False, False)


@pytest.mark.parametrize("path", ["/", PERSON, "/console/calls", "/console/switches"])
def test_nothing_comes_from_elsewhere_and_nobody_may_frame_it(console: SandboxClient, path: str) -> None:
    page = open_page(console, path)
    policy = page.headers["Content-Security-Policy"]

    assert [one for one in page.addresses if not one.startswith(("/", "#", "data:,"))] == []
    assert "style=" not in page.html
    assert all(part in policy for part in ("default-src 'none'", "frame-ancestors 'none'", "frame-src 'none'"))


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:5000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": HERE, "Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "localhost.evil.example:5001"},
    ],
)
@pytest.mark.parametrize("path", ["/console/reset", "/_sandbox/reset"])
def test_another_website_can_change_nothing(console: SandboxClient, path: str, headers: dict[str, str]) -> None:
    page = submit(console, path, {"seed": "empty"}, **headers)

    assert page.status == 403
    assert len(console.state()["profiles"]) == 6


@pytest.mark.parametrize("path", ["/", PERSON, "/_sandbox/state", "/openapi.json"])
def test_a_borrowed_name_reads_nothing(console: SandboxClient, path: str) -> None:
    page = Page(console.client, path, Host="evil.example")

    assert (page.status, "Mia" in page.html) == (403, False)


def test_a_page_of_the_console_and_a_program_may_change_it(console: SandboxClient) -> None:
    own = {"Origin": HERE, "Sec-Fetch-Site": "same-origin"}

    assert submit(console, "/console/clock", {"do": "1"}, **own).status == 303
    assert console.call("POST", "/_sandbox/reset", {"seed": "demo"}).status == 200


def test_beyond_loopback_other_names_are_answered() -> None:
    app = create_sandbox(beyond_loopback=True)

    page = Page(app.test_client(), "/", Host="sandbox.example:5001")
    sandbox(app).store.close()

    assert page.status == 200


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1:5001", True),
        ("localhost", True),
        ("[::1]:5001", True),
        ("127.9.9.9", True),
        ("10.0.0.1", False),
        ("", False),
        ("[", False),
        ("localhost@evil.example", False),
    ],
)
def test_a_name_is_this_machines_for_certain_or_it_is_not(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_the_shop_is_shown_beside_what_omneo_believes() -> None:
    app = create_sandbox(seed="demo", shop_url="http://127.0.0.1:5000/account/benefits")

    page = Page(app.test_client(), PERSON)
    sandbox(app).store.close()

    assert page.addresses.count("http://127.0.0.1:5000/account/benefits") == 2
    assert "frame-src http://127.0.0.1:5000" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("address", ["javascript:alert(1)", "127.0.0.1:5000", "http://", "http://a b/", "http://a;b/"])
def test_an_address_that_is_no_shops_is_refused_at_the_start(address: str) -> None:
    with pytest.raises(ValueError, match="shop's address"):
        create_sandbox(shop_url=address)
