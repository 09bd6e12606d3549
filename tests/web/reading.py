"""Read a page the way a test needs it: a small tree of elements, and the forms in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = {"br", "hr", "img", "input", "link", "meta"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    def all(self, tag: str | None = None, **attributes: str) -> list[Element]:
        return [one for one in self._walk() if tag in (None, one.tag) and one._has(attributes)]

    def one(self, tag: str, **attributes: str) -> Element:
        (only,) = self.all(tag, **attributes)
        return only

    @property
    def text(self) -> str:
        return " ".join(self._raw_text().split())

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    def _raw_text(self) -> str:
        return "".join(child if isinstance(child, str) else child._raw_text() for child in self.children)

    def _has(self, attributes: dict[str, str]) -> bool:
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return all(self.attributes.get(name) == value for name, value in wanted.items())

    def _walk(self) -> Iterator[Element]:
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child._walk()


@dataclass
class Form:
    action: str
    label: str
    fields: dict[str, str]


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("root")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        while len(self._open) > 1:
            if self._open.pop().tag == tag:
                return

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def read_page(html: str) -> Element:
    builder = _Builder()
    builder.feed(html)
    builder.close()
    return builder.root


def region(page: Element, title: str) -> Element:
    """The section whose heading reads ``title``."""
    for section in page.all("section"):
        labels = [one for one in section.all() if one.attributes.get("id") == section.attributes.get("aria-labelledby")]
        if [label.text for label in labels] == [title]:
            return section
    raise LookupError(f"There is no region {title!r}.")


def forms(page: Element) -> dict[str, Form]:
    """Every form of a page by its button's name, which must be unique."""
    found: dict[str, Form] = {}
    for one in page.all("form"):
        label = one.one("button").text
        assert label not in found, label
        fields = {item.attributes["name"]: item.attributes["value"] for item in one.all("input")}
        found[label] = Form(one.attributes["action"], label, fields)
    return found
