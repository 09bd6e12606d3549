"""Texts from Omneo are made safe: a few harmless tags, plain text on one line, https addresses."""

from __future__ import annotations

import pytest

from claimable_benefits.web.rendering.sanitize import https_url, name_of, plain, safe_html
from tests.web.hostile import ALL


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


def test_a_very_long_text_is_cut() -> None:
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
