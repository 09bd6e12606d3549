"""A browser's tab as far as the run needs one: cookies, pages, forms. Nothing is followed by itself."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass

import requests

_FORM = re.compile(r'<form[^>]*\baction="([^"]*)"[^>]*>(.*?)</form>', re.DOTALL)
_INPUT = re.compile(r'<input[^>]*\bname="([^"]+)"[^>]*?\bvalue="([^"]*)"')
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
_TRIES = 6
_PAUSE = 0.7  # seconds until somebody whose page did not load tries again


class Interrupted(Exception):
    """No answer, or an answer that the shop itself has failed: whoever served this was perhaps killed."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer: ``to`` is where it sends the browser, empty where it does not."""

    status: int
    text: str
    to: str

    @property
    def token(self) -> str:
        """The token of the shop's own forms on it."""
        found = _TOKEN.search(self.text)
        return html.unescape(found[1]) if found else ""

    def forms(self) -> list[tuple[str, dict[str, str]]]:
        """The forms on it: where each posts to, and its hidden fields."""
        found = [(html.unescape(action), inner) for action, inner in _FORM.findall(self.text)]
        return [
            (action, {name: html.unescape(value) for name, value in _INPUT.findall(inner)}) for action, inner in found
        ]


class Tab:
    """One tab; ``twin`` opens another one of the same browser, with the cookies as they are now."""

    def __init__(self, shop: str, cookies: Mapping[str, str] | None = None) -> None:
        self._shop = shop
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.update(cookies or {})

    def twin(self) -> Tab:
        """The same browser, so that two requests may be under way at once."""
        return Tab(self._shop, self._session.cookies.get_dict())

    def adopt(self, other: Tab) -> None:
        """Take over the cookies that an answer has left in another tab of this browser."""
        self._session.cookies.update(other._session.cookies)

    def get(self, address: str) -> Page:
        """Load a page, a few times if it does not come. Raises `Interrupted`."""
        for _ in range(_TRIES):
            try:
                return self._send("GET", address, None, 20.0)
            except Interrupted:
                time.sleep(_PAUSE)
        raise Interrupted(address)

    def post(self, address: str, fields: Mapping[str, str], *, wait_budget: float = 30.0) -> Page:
        """Send a form, once. Raises `Interrupted`."""
        return self._send("POST", address, fields, wait_budget)

    def close(self) -> None:
        """Close it."""
        self._session.close()

    def _send(self, method: str, address: str, fields: Mapping[str, str] | None, wait_budget: float) -> Page:
        url = address if address.startswith("http") else self._shop + address
        try:
            answer = self._session.request(method, url, data=fields, timeout=wait_budget, allow_redirects=False)
        except requests.RequestException as error:
            raise Interrupted(str(error)) from error
        if answer.status_code >= 500:
            raise Interrupted(f"{answer.status_code} for {method} {address}")
        return Page(answer.status_code, answer.text, answer.headers.get("Location", ""))


def deed(tab: Tab, address: str, form: Mapping[str, str]) -> Callable[[], Page | None]:
    """A click that may stay without an answer."""

    def click() -> Page | None:
        with closing(tab):
            try:
                return tab.post(address, form)
            except Interrupted:
                return None

    return click


def at_once(*deeds: Callable[[], Page | str | None]) -> list[Page | None]:
    """Do several things at the same moment."""
    if not deeds:
        return []
    with ThreadPoolExecutor(len(deeds)) as pool:
        running = [pool.submit(deed) for deed in deeds]
        return [done if isinstance(done := each.result(), Page) else None for each in running]
