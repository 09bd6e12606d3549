"""Send one HTTP request and give its outcome as a value. The only module that imports httpx."""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from http.cookiejar import CookieJar
from urllib.parse import urlencode

import httpx

from claimable_benefits.errors import AuthenticationError, SettingsError
from claimable_benefits.omneo.clock_offset import ClockOffset
from claimable_benefits.omneo.environment import Way, way_to
from claimable_benefits.omneo.outcomes import HttpAnswer, NoAnswer, Outcome

# Raised before the first byte of the request is on its way. Everything else counts as sent.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
_LARGEST_BODY = 5 * 1024 * 1024
# Close idle connections well before servers do (60 s is usual): a write on a closing connection is in doubt.
# Reads in the background take 18 connections at most, for up to ten seconds each: the rest is for requests and workers.
_POOL = httpx.Limits(max_connections=50, max_keepalive_connections=16, keepalive_expiry=15)
_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
    "User-Agent": "flask-claimable-benefits",
}

Transport = httpx.BaseTransport
_log = logging.getLogger("claimable_benefits.omneo")

_NOT_IN_A_TOKEN = frozenset("\"' ")

_log = logging.getLogger("claimable_benefits.omneo")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait: for a connection, for the next bytes, for a free place in the pool, for a whole answer."""

    connect: float = 1.0
    read: float = 3.0
    pool: float = 0.5
    total: float = 5.0


INTERACTIVE = Timeouts()
WORKER_TIMEOUTS = Timeouts(read=10.0, total=20.0)  # below the half minute for which the worker leases a row


class Token:
    """The API token, from a text or from a callable that is asked for every call; its repr hides it."""

    __slots__ = ("_read",)

    def __init__(self, token: str | Callable[[], str]) -> None:
        self._read = token if callable(token) else lambda: token
        if isinstance(token, str) and self.header() is None:
            problem = "The token is empty, or holds characters that no header can carry."
            raise SettingsError("OMNEO_TOKEN", problem, "Copy it again from Omneo's settings.")

    def __repr__(self) -> str:
        return "Token(***)"

    def header(self) -> str | None:
        """Return the value of ``Authorization``; None where no header can carry the token."""
        token = self._read().strip()
        is_usable = token and token.isascii() and token.isprintable() and not _NOT_IN_A_TOKEN.intersection(token)
        return f"Bearer {token}" if is_usable else None

    def authentication(self) -> _BearerToken | None:
        """Read the token once, for one request; None where no header can carry it."""
        bearer = _BearerToken(self.header())
        return bearer if bearer.is_usable else None


class _BearerToken(httpx.Auth):
    """Writes the token into its header. Neither its repr nor an attribute holds the token.

    Error trackers show the local variables of every frame of a traceback: with this, ours have no token in them.
    """

    def __init__(self, header: str | None) -> None:
        def write(request: httpx.Request) -> None:
            request.headers["Authorization"] = header or ""

        self.is_usable = header is not None
        self._write = write

    def __repr__(self) -> str:
        return "BearerToken(***)"

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Write the header."""
        self._write(request)
        yield request


class _NoCookies(CookieJar):
    """Stores no cookies: a session cookie must not travel from one shopper's call to the next."""

    def extract_cookies(self, response: object, request: object) -> None:
        """Store none."""

    def add_cookie_header(self, request: object) -> None:
        """Add none."""


class Http:
    """A pool of connections to one base URL; safe to share between threads."""

    def __init__(
        self, base_url: str, token: Token, transport: Transport | None = None, proxy: str = "environment"
    ) -> None:
        self._base_url = _checked(base_url)
        self._token = token
        self.clock_offset = ClockOffset()
        _silence_http_logs()
        self._client = _client(transport, Way() if transport else way_to(self._base_url, proxy, os.environ))

    def close(self) -> None:
        """Close every connection."""
        with _without_http_logs():
            self._client.close()

    def send(
        self,
        method: str,
        path: str,
        timeouts: Timeouts,
        query: Mapping[str, str] | None = None,
        body: str | None = None,
    ) -> Outcome:
        """Send one request once and give its outcome. Raises `AuthenticationError` without a token."""
        bearer = self._token.authentication()
        if bearer is None:
            raise AuthenticationError("There is no usable token, so nothing was sent.", request=f"{method} {path}")
        headers = dict(_HEADERS)
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self._client.is_closed:
            return NoAnswer(sent=False, reason="the client is closed")
        try:
            # httpx's own way to build a request, and its parameters, would parse the address once more each.
            request = httpx.Request(
                method,
                f"{self._base_url}{path}?{urlencode(query)}" if query else self._base_url + path,
                content=body.encode() if body is not None else None,
                headers=headers,
                extensions={"timeout": _spans(timeouts)},
            )
        except (httpx.InvalidURL, UnicodeError):
            return NoAnswer(sent=False, reason="the address cannot be written")
        return self._exchange(request, bearer, time.monotonic() + timeouts.total)

    def _exchange(self, request: httpx.Request, bearer: _BearerToken, deadline: float) -> Outcome:
        try:
            with _without_http_logs():
                response = self._client.send(request, auth=bearer, stream=True)
                at = self.clock_offset.note(response.headers.get("date"))
                try:
                    return _answer(response, _body(response, deadline), at)
                finally:
                    response.close()
        except _NOT_SENT as error:
            return NoAnswer(sent=False, reason=_words(error))
        except (httpx.HTTPError, httpx.StreamError) as error:
            return NoAnswer(sent=True, reason=_words(error))
        except Exception as error:  # noqa: BLE001 - a transport's own error: the request may have arrived all the same
            _log.error("A call to Omneo failed in an unknown way: %s.", type(error).__name__)
            return NoAnswer(sent=True, reason=_words(error))
        except BaseException as error:
            # Such as gevent's time-out. The frames below ours hold the bytes of the request, the token among them.
            _drop_frames(error)
            raise


def _drop_frames(error: BaseException) -> None:
    """Drop the frames of ``error``, and of the errors behind it."""
    behind: BaseException | None = error
    while behind is not None and behind.__traceback__ is not None:
        behind = behind.with_traceback(None).__context__


def _client(transport: Transport | None, way: Way) -> httpx.Client:
    """Make the client. ``trust_env`` is off: httpx raises for what it cannot read in the environment."""
    try:
        return httpx.Client(
            transport=transport,
            follow_redirects=False,
            limits=_POOL,
            cookies=_NoCookies(),
            trust_env=False,
            proxy=way.proxy,
            verify=True if transport else way.certificates or _usual_certificates(),
        )
    except (httpx.InvalidURL, ImportError, ValueError) as error:
        # Not quoted, because it may hold a password.
        raise SettingsError("OMNEO_PROXY", "is no address of a proxy.", "Write http://host:port, or off.") from error


def _usual_certificates() -> ssl.SSLContext:
    try:
        return httpx.create_ssl_context(trust_env=False)
    except OSError as error:  # Python opens the file that SSLKEYLOGFILE names
        _log.warning("SSLKEYLOGFILE cannot be written (%s): the system's certificates count.", type(error).__name__)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_default_certs()
        return context


def _spans(timeouts: Timeouts) -> dict[str, float]:
    """The timeouts as httpx takes them; a write may take as long as a read."""
    return {"connect": timeouts.connect, "read": timeouts.read, "write": timeouts.read, "pool": timeouts.pool}


def _checked(base_url: str) -> str:
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL:
        url = httpx.URL()
    has_more = url.query or url.fragment or url.userinfo
    if url.scheme not in {"http", "https"} or not url.host or "%" in url.host or has_more:
        problem = "This is not the address of an API."  # not quoted, because it may hold a password
        raise SettingsError("OMNEO_BASE_URL", problem, "Write it as in https://api.shop.getomneo.com/api/v3.")
    return base_url.rstrip("/")


def _body(response: httpx.Response, deadline: float) -> bytes | None:
    """Read the whole body; None where it is cut off, too long or not decodable."""
    read, is_late = bytearray(), False
    try:
        for chunk in response.iter_bytes():
            if is_late:  # the chunk after the deadline was not the last one
                raise httpx.ReadTimeout("the answer trickles in")
            read += chunk
            if len(read) > _LARGEST_BODY:
                return None
            is_late = time.monotonic() > deadline
    except (httpx.RemoteProtocolError, httpx.DecodingError):
        return None
    return bytes(read)


def _answer(response: httpx.Response, body: bytes | None, at: datetime) -> HttpAnswer:
    return HttpAnswer(
        status=response.status_code,
        body=body,
        content_type=response.headers.get("content-type", ""),
        at=at,
        retry_after=response.headers.get("retry-after"),
    )


def _words(error: Exception) -> str:
    # Only the kind of error: its own text may hold the address with an e-mail in it, or a header.
    name = type(error).__name__
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


_is_calling: ContextVar[bool] = ContextVar("a call to Omneo is under way", default=False)


def _is_not_our_call(_record: logging.LogRecord) -> bool:
    return not _is_calling.get()


def _silence_http_logs() -> None:
    """Drop what httpx logs about our calls: it logs whole addresses, and ours may hold a shopper's e-mail."""
    for name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy"):
        logging.getLogger(name).addFilter(_is_not_our_call)


@contextmanager
def _without_http_logs() -> Iterator[None]:
    token = _is_calling.set(True)
    try:
        yield
    finally:
        _is_calling.reset(token)
