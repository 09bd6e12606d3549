"""A browser without scripts: pages, links, and forms by the name of their button."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

_TIMEOUT = 60  # seconds for one page, also on a busy machine


@dataclass
class Form:
    """A form: where it posts to, its fields, and its buttons (name → field, value, own address)."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: dict[str, tuple[str, str, str]] = field(default_factory=dict)


class Page(HTMLParser):
    """A page that was read: ``text`` with single spaces, ``forms``, ``links``, ``tags``."""

    def __init__(self, answer: requests.Response) -> None:
        super().__init__()
        self.url, self.status, self.html = answer.url, answer.status_code, answer.text
        self.headers = answer.headers
        self.forms: list[Form] = []
        self.links: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._by_id: dict[str, Form] = {}
        self._open: Form | None = None
        self._words: list[str] = []
        self._button: tuple[Form | None, dict[str, str], int] | None = None
        self._link: tuple[str, int] | None = None
        self._select: tuple[Form | None, str] | None = None
        self._silent = 0
        self.feed(answer.text)
        self.text = " ".join(" ".join(self._words).split())

    def form_with(self, button: str) -> Form:
        """The form that has this button."""
        found = [form for form in self.forms if button in form.buttons]
        assert found, f"no button {button!r} on {self.url}: {[list(form.buttons) for form in self.forms]}"
        return found[0]

    def has_button(self, name: str) -> bool:
        """Whether there is such a button."""
        return any(name in form.buttons for form in self.forms)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag == "form":
            assert self._open is None, "forms do not nest"
            self._open = Form(urljoin(self.url, given.get("action", "")), given.get("method", "get"))
            self.forms.append(self._open)
            self._by_id[given.get("id", "")] = self._open
        owner = self._by_id.get(given["form"]) if "form" in given else self._open
        match tag:
            case "input" if owner is not None and given.get("name"):
                if given.get("type") not in ("radio", "checkbox") or "checked" in given:
                    owner.fields[given["name"]] = given.get("value", "")
            case "select":
                self._select = (owner, given.get("name", ""))
            case "option" if self._select and self._select[0] is not None and "selected" in given:
                self._select[0].fields[self._select[1]] = given.get("value", "?")
            case "button":
                self._button = (owner, given, len(self._words))
            case "a":
                self._link = (given.get("href", ""), len(self._words))
            case "script" | "style" | "title":
                self._silent += 1

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = None
        elif tag == "button" and self._button:
            owner, given, start = self._button
            name = given.get("aria-label") or " ".join(" ".join(self._words[start:]).split())
            if owner is not None:
                owner.buttons[name] = (given.get("name", ""), given.get("value", ""), given.get("formaction", ""))
        elif tag == "a" and self._link:
            self.links[" ".join(" ".join(self._words[self._link[1] :]).split())] = urljoin(self.url, self._link[0])
        elif tag in ("script", "style", "title"):
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if self._silent:
            return
        self._words.append(data)
        if self._select and self._select[0] is not None and self._select[0].fields.get(self._select[1]) == "?":
            self._select[0].fields[self._select[1]] = data.strip()


class Browser:
    """One shopper's browser, with their cookies; ``page`` is what it shows."""

    def __init__(self, home: str) -> None:
        self.home = home
        self.session = requests.Session()
        self.page: Page

    def go(self, path: str) -> Page:
        """Open a page."""
        self.page = Page(self.session.get(urljoin(self.home, path), timeout=_TIMEOUT))
        return self.page

    def follow(self, link: str) -> Page:
        """Click a link."""
        return self.go(self.page.links[link])

    def reload_until(self, words: str, path: str) -> Page:
        """Open a page again and again until it has these words; fails after a minute."""
        return self._reload(path, lambda page: words in page.text)

    def reload_while(self, words: str, path: str) -> Page:
        """Open a page again and again while it has these words; fails after a minute."""
        return self._reload(path, lambda page: words not in page.text)

    def _reload(self, path: str, is_done: Callable[[Page], bool]) -> Page:
        deadline = time.monotonic() + _TIMEOUT
        while not is_done(self.go(path)):
            assert time.monotonic() < deadline, self.page.text
            time.sleep(0.05)
        return self.page

    def press(self, button: str, **typed: str) -> Page:
        """Type into the fields of a button's form, and press it."""
        self.page = Page(self.send(button, typed))
        return self.page

    def send(self, button: str, typed: Mapping[str, str]) -> requests.Response:
        """What pressing a button sends, without showing the answer."""
        form = self.page.form_with(button)
        name, value, own = form.buttons[button]
        fields = {**form.fields, **({name: value} if name else {}), **typed}
        address = urljoin(form.action, own or form.action)
        if form.method.lower() == "get":
            return self.session.get(address, params=fields, timeout=_TIMEOUT)
        return self.session.post(address, data=fields, timeout=_TIMEOUT)

    def press_twice(self, button: str, **typed: str) -> tuple[Page, Page]:
        """Press a button twice at the same moment."""
        answers = at_once(lambda: self.send(button, typed), lambda: self.send(button, typed))
        first, second = (Page(answer) for answer in answers)
        self.page = second
        return first, second

    def close(self) -> None:
        """Close the connections."""
        self.session.close()


def at_once(*calls: Callable[[], requests.Response]) -> list[requests.Response]:
    """Start all calls together, and give their answers in order."""
    answers: dict[int, requests.Response] = {}
    gate = threading.Barrier(len(calls))

    def run(place: int, call: Callable[[], requests.Response]) -> None:
        gate.wait(_TIMEOUT)
        answers[place] = call()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[place] for place in range(len(calls))]
