"""What somebody typed into Omneo is shown, and does nothing else."""

from __future__ import annotations

import pytest

from claimable_benefits.errors import Declined
from tests.web.conftest import Browser
from tests.web.hostile import PAYLOADS, hostile
from tests.web.page_data import PageData, make_shop
from tests.web.reading import Element, read_page
from tests.web.test_actions import flashes

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
    *(
        "action",
        "aria-describedby",
        "aria-label",
        "aria-labelledby",
        "charset",
        "class",
        "content",
        "d",
        "data-cb-part",
    ),
    *(
        "datetime",
        "fill",
        "height",
        "href",
        "id",
        "lang",
        "method",
        "name",
        "rel",
        "role",
        "stroke",
        "transform",
        "type",
    ),
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
def test_no_text_of_an_attacker_becomes_part_of_a_page(payload: str, path: str) -> None:
    page = Browser(make_shop(hostile(payload)).test_client(), "mia").read(path)

    assert harm_in(page) == []
    assert len(page.all("h1")) == 1
    assert "49" not in page.text


def test_the_check_itself_would_notice() -> None:
    page = read_page("<p onclick=x><a href=javascript:1>x</a><script></script></p><form action=https://x></form>")

    assert harm_in(page) == ["script", "onclick", "javascript:1", "https://x"]


def test_a_declined_sentence_is_text(data: PageData, mia: Browser) -> None:
    data.fails("claim", Declined("not_claimable", "<b>Gift</b> <script>1</script> has gone."))
    mia.press("Claim Free Shipping")

    assert flashes(mia.read()) == [("alert", "Gift has gone.")]


def test_a_sentence_that_hides_a_tag_is_still_text(data: PageData, mia: Browser) -> None:
    data.fails("claim", Declined("not_claimable", "&lt;script&gt;window.pwned=1&lt;/script&gt;"))
    mia.press("Claim Free Shipping")
    page = mia.read()

    assert harm_in(page) == []
    assert flashes(page) == [("alert", "<script>window.pwned=1</script>")]


def test_the_query_of_a_checkout_is_carried_and_not_read(mia: Browser) -> None:
    answer = mia.client.get("/checkout", environ_overrides={"QUERY_STRING": '"><script>window.pwned=1</script>'})

    assert harm_in(read_page(answer.text)) == []


def test_an_addresss_own_text_is_not_repeated(mia: Browser) -> None:
    answer = mia.get("/account/benefits/held/%3Cscript%3Ealert(1)%3C/script%3E")

    assert answer.status_code == 404
    assert "alert(1)" not in answer.text
