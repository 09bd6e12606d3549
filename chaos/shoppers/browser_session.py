"""The part of a browser that the run needs: cookies, pages and forms. It follows no redirect by itself."""

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
_ATTEMPTS = 6
_RETRY_SECONDS = 0.7  # seconds before a page that did not load is requested again


class NoAnswer(Exception):
    """The shop sent no answer or a 5xx: its process may have been killed."""


@dataclass(frozen=True, slots=True)
class Page:
    """An answer: ``to`` is the address that it redirects to, or empty."""

    status: int
    text: str
    to: str

    @property
    def token(self) -> str:
        """The CSRF token of the shop's own forms on the page."""
        found = _TOKEN.search(self.text)
        return html.unescape(found[1]) if found else ""

    def forms(self) -> list[tuple[str, dict[str, str]]]:
        """Return the forms on the page: the address of each, and its hidden fields."""
        found = [(html.unescape(action), inner) for action, inner in _FORM.findall(self.text)]
        return [
            (action, {name: html.unescape(value) for name, value in _INPUT.findall(inner)}) for action, inner in found
        ]


class BrowserSession:
    """One tab of a browser, with its cookies."""

    def __init__(self, shop: str, cookies: Mapping[str, str] | None = None) -> None:
        self._shop = shop
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.update(cookies or {})

    def clone(self) -> BrowserSession:
        """Open another tab with the cookies as they are now, so that two requests may run at the same time."""
        return BrowserSession(self._shop, self._session.cookies.get_dict())

    def adopt_cookies(self, other: BrowserSession) -> None:
        """Take over the cookies of another tab of this browser."""
        self._session.cookies.update(other._session.cookies)

    def get(self, address: str) -> Page:
        """Load a page; retry a few times where no answer comes. Raises `NoAnswer`."""
        for _ in range(_ATTEMPTS):
            try:
                return self._send("GET", address, None, 20.0)
            except NoAnswer:
                time.sleep(_RETRY_SECONDS)
        raise NoAnswer(address)

    def post(self, address: str, fields: Mapping[str, str], *, timeout: float = 30.0) -> Page:
        """Send a form once; ``timeout`` is in seconds. Raises `NoAnswer`."""
        return self._send("POST", address, fields, timeout)

    def close(self) -> None:
        """Close its connections."""
        self._session.close()

    def _send(self, method: str, address: str, fields: Mapping[str, str] | None, timeout: float) -> Page:
        url = address if address.startswith("http") else self._shop + address
        try:
            answer = self._session.request(method, url, data=fields, timeout=timeout, allow_redirects=False)
        except requests.RequestException as error:
            raise NoAnswer(str(error)) from error
        if answer.status_code >= 500:
            raise NoAnswer(f"{answer.status_code} for {method} {address}")
        return Page(answer.status_code, answer.text, answer.headers.get("Location", ""))


def form_submission(session: BrowserSession, address: str, form: Mapping[str, str]) -> Callable[[], Page | None]:
    """Return a call that sends a form, and gives None where no answer comes."""

    def click() -> Page | None:
        with closing(session):
            try:
                return session.post(address, form)
            except NoAnswer:
                return None

    return click


def run_concurrently(*actions: Callable[[], Page | str | None]) -> list[Page | None]:
    """Run several calls at the same time; give the pages that they return, None where one returns none."""
    if not actions:
        return []
    with ThreadPoolExecutor(len(actions)) as pool:
        running = [pool.submit(form_submission) for form_submission in actions]
        return [done if isinstance(done := each.result(), Page) else None for each in running]
