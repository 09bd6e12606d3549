"""The README is short, shows code early, and can be read whole on an index page, where no relative link works."""

from __future__ import annotations

import re

from tests.meta.pages import HOME, PAGES, PROJECT, RAW, blocks, links, prose, read

README = read("README.md")
SPEED = re.compile(r"<!-- speed: [^\n]* -->\n(.*?)<!-- /speed -->", re.DOTALL)


def test_the_readme_is_at_most_120_lines() -> None:
    assert len(README.splitlines()) <= 120


def test_code_that_runs_begins_by_line_30() -> None:
    before, _, _ = README.partition("```python\n")

    assert len(before.splitlines()) < 30


def test_the_mount_example_is_at_most_fifteen_lines() -> None:
    mount = blocks("README.md", "python")[0]

    assert len([line for line in mount.splitlines() if line.strip()]) <= 15


def test_every_link_is_absolute() -> None:
    assert [link for link in links("README.md") if not link.startswith("https://")] == []


def test_the_one_picture_comes_from_where_an_index_page_can_show_it() -> None:
    pictures = re.findall(r"!\[([^]]+)\]\(([^)]+)\)", README)

    assert [(bool(text), address) for text, address in pictures] == [(True, f"{RAW}/main/docs/images/checkout.png")]


def test_the_project_urls_are_of_one_home() -> None:
    urls = PROJECT["urls"]

    assert sorted(urls) == ["Changelog", "Documentation", "Homepage", "Issues", "Source"]
    assert [url for url in urls.values() if not url.startswith(HOME)] == []


def test_the_readme_tells_three_figures_in_milliseconds() -> None:
    [told] = SPEED.findall(README)

    assert len(re.findall(r"\b[\d.]+ ms\b", told)) >= 3


def test_every_page_is_reached_from_the_readme() -> None:
    named = {link.removeprefix(f"{HOME}/blob/main/").partition("#")[0] for link in links("README.md")}

    assert set(PAGES) - named == {"README.md"}


def test_there_is_no_html_that_an_index_page_would_drop() -> None:
    assert re.findall(r"<(?!!--)(?!form>)[^>]*>", prose("README.md").replace("`<form>`", "")) == []
