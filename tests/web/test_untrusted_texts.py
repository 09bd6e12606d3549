"""What somebody typed into Omneo is shown, and does nothing else."""

from __future__ import annotations

import pytest

from claimable_benefits.errors import Declined
from claimable_benefits.web.rendering.sanitize import https_url, name_of, plain, safe_html
from tests.web.conftest import Browser
from tests.web.hostile import ALL, PAYLOADS, hostile
from tests.web.reading import Element, read_page
from tests.web.test_claiming_and_using import notices
from tests.web.world import World, make_shop

PAGES = (
    "/account/benefits",
    "/account/benefits/held/yours",
    "/account/benefits/held/past",
    "/account/benefits/claimable/kind",
    "/account/benefits/uses/u",
    "/checkout",
    "/orders/1",
)
KNOWN = {
    *("root", "html", "head", "meta", "title", "link", "body", "header", "main", "section", "div", "span", "p"),
    *("h1", "h2", "h3", "ul", "ol", "li", "a", "b", "strong", "em", "i", "br", "time", "details", "summary", "code"),
    *("dl", "dt", "dd", "form", "input", "button", "svg", "g", "path", "img"),
}
ATTRIBUTES = {
    *("action", "aria-describedby", "aria-label", "aria-labelledby", "charset", "class", "content", "d", "datetime"),
    *("fill", "height", "href", "id", "lang", "method", "name", "rel", "role", "stroke", "transform", "type"),
    *("value", "viewbox", "width"),
}


def harm_in(page: Element) -> list[str]:
    """Every element, attribute and address that our pages do not have of themselves."""
    elements = page.all()
    harm = [one.tag for one in elements if one.tag not in KNOWN]
    harm += [name for one in elements for name in one.attributes if name not in ATTRIBUTES]
    links = [one.attributes["href"] for one in elements if "href" in one.attributes]
    harm += [link for link in links if not link.startswith(("/", "#", "https://")) or link.startswith("//")]
    harm += [one.attributes["action"] for one in page.all("form") if not one.attributes["action"].startswith("/")]
    return harm


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("payload", PAYLOADS, ids=range(len(PAYLOADS)))
def test_no_text_of_an_enemy_becomes_part_of_a_page(payload: str, path: str) -> None:
    page = Browser(make_shop(hostile(payload)).test_client(), "mia").read(path)

    assert harm_in(page) == []
    assert len(page.all("h1")) == 1
    assert "49" not in page.text


def test_the_check_itself_would_notice() -> None:
    page = read_page("<p onclick=x><a href=javascript:1>x</a><script></script></p><form action=https://x></form>")

    assert harm_in(page) == ["script", "onclick", "javascript:1", "https://x"]


def test_a_declined_sentence_is_text(world: World, mia: Browser) -> None:
    world.fails("claim", Declined("not_claimable", "<b>Gift</b> <script>1</script> has gone."))
    mia.press("Claim Free Shipping")

    assert notices(mia.read()) == [("alert", "Gift has gone.")]


def test_a_sentence_that_hides_a_tag_is_still_text(world: World, mia: Browser) -> None:
    world.fails("claim", Declined("not_claimable", "&lt;script&gt;window.pwned=1&lt;/script&gt;"))
    mia.press("Claim Free Shipping")
    page = mia.read()

    assert harm_in(page) == []
    assert notices(page) == [("alert", "<script>window.pwned=1</script>")]


def test_the_query_of_a_checkout_is_carried_and_not_read(mia: Browser) -> None:
    answer = mia.client.get("/checkout", environ_overrides={"QUERY_STRING": '"><script>window.pwned=1</script>'})

    assert harm_in(read_page(answer.text)) == []


def test_an_addresss_own_text_is_not_repeated(mia: Browser) -> None:
    answer = mia.get("/account/benefits/held/%3Cscript%3Ealert(1)%3C/script%3E")

    assert answer.status_code == 404
    assert "alert(1)" not in answer.text


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("<p>One</p><p>Two <strong>bold</strong></p>", "<p>One</p><p>Two <strong>bold</strong></p>"),
        ("<ul><li>a</li></ul>", "<ul><li>a</li></ul>"),
        ("<h2>Title</h2>text", "Titletext"),
        ('<a href="https://x.example/y">y</a>', '<a href="https://x.example/y" rel="nofollow noopener">y</a>'),
        ('<a href="/path">y</a>', '<a rel="nofollow noopener">y</a>'),
        ("a < b & c", "a &lt; b &amp; c"),
        ("<p> </p><br>", ""),
        ("<img src='https://x.example/a.png'>", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_few_harmless_tags_stay(typed: str | None, shown: str) -> None:
    assert str(safe_html(typed)) == shown


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Free <b>Shipping</b>", "Free Shipping"),
        ("<p>One</p><p>Two</p>", "One Two"),
        ("Fish &amp; Chips <3", "Fish & Chips <3"),
        ("Tea\n\n  for\ttwo", "Tea for two"),
        ("<script>x</script>", ""),
        ("\u202eevil\x07", "evil"),
        (None, ""),
    ],
)
def test_plain_text_is_words_on_one_line(typed: str | None, shown: str) -> None:
    assert plain(typed) == shown


def test_a_name_of_nothing_falls_back() -> None:
    assert [name_of("<b></b>", "free-shipping"), name_of(None, "")] == ["free-shipping", "Benefit"]


def test_a_novel_is_cut_and_not_a_burden() -> None:
    assert len(safe_html("<p>" + "x" * 2_000_000)) < 60_000
    assert len(plain(ALL * 1000)) < 60_000


@pytest.mark.parametrize(
    ("address", "taken"),
    [
        ("https://img.example/a.jpg", True),
        ("http://img.example/a.jpg", False),
        ("https://", False),
        ("https://[broken", False),
        ("data:image/svg+xml,<svg/>", False),
        (None, False),
    ],
)
def test_pictures_come_from_https_addresses(address: str | None, taken: bool) -> None:
    assert (https_url(address) == address) is (taken or address is None)
