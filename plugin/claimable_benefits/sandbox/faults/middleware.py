"""The middleware that every call of the API passes: it applies the faults that are set and logs the call."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from flask import Flask

from claimable_benefits.sandbox.faults.corruption import FaultyResponse, drip, replacement, truncated, wrong_types
from claimable_benefits.sandbox.faults.delayed_requests import DelayedRequests
from claimable_benefits.sandbox.faults.page_drift import drift
from claimable_benefits.sandbox.server.body import LARGEST_BODY
from claimable_benefits.sandbox.server.connection import Application
from claimable_benefits.sandbox.server.disconnect import ConnectionCut
from claimable_benefits.sandbox.state.call_log import CallLog
from claimable_benefits.sandbox.state.fault_injector import DELAYS, Fault, FaultInjector
from claimable_benefits.sandbox.state.request_state import sandbox

_CONTROL_PATHS = ("/_sandbox", "/openapi.json", "/favicon.ico", "/console")
_FAULTS = "omneo_sandbox.faults"
_KEY = "omneo_sandbox.fault_middleware"

Environ = dict[str, Any]


@dataclass(slots=True)
class _Exchange:
    """One request and its faults: `now` is the sandbox's time, `started` a reading of the performance counter."""

    environ: Environ
    body: bytes
    faults: Sequence[Fault]
    now: datetime
    started: float


class FaultMiddleware:
    """A WSGI application around the sandbox's own; the control API and the console pass it untouched."""

    def __init__(
        self, app: Application, injector: FaultInjector, call_log: CallLog, now: Callable[[], datetime]
    ) -> None:
        self._app = app
        self._injector = injector
        self._call_log = call_log
        self._now = now
        self.delayed_requests = DelayedRequests(now)

    def select_faults(self, environ: Environ) -> None:
        """Select the faults of a request whose body is still unread; raise ConnectionCut to refuse it."""
        if _is_control_path(environ["PATH_INFO"]):
            return
        faults = self._injector.match(environ["REQUEST_METHOD"], _text(environ["PATH_INFO"]))
        environ[_FAULTS] = faults
        if any(fault.kind == "refuse" for fault in faults):
            self._log(_Exchange(environ, b"", faults, self._now(), time.perf_counter()), None)
            raise ConnectionCut(abrupt=True)

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request; raise ConnectionCut for one whose connection ends without an answer."""
        if self.delayed_requests:
            self.delayed_requests.run_due()
        if _is_control_path(environ["PATH_INFO"]):
            return self._app(environ, start)
        if _FAULTS not in environ:
            self.select_faults(environ)
        faults: list[Fault] = environ[_FAULTS]
        started, body = time.perf_counter(), _take_body(environ)
        for fault in faults:
            if fault.kind == "latency":
                time.sleep(fault.seconds)
        exchange = _Exchange(environ, body, faults, self._now(), started)
        answer = self._apply_fault(exchange) if faults else self._apply(environ, body)
        self._log(exchange, answer)
        start(answer.status, [("Date", format_datetime(exchange.now, usegmt=True)), *answer.headers])
        slow = next((fault for fault in faults if fault.kind == "drip"), None)
        return drip(answer.body, slow.seconds) if slow else [answer.body]

    def _apply_fault(self, exchange: _Exchange) -> FaultyResponse:
        """Answer as the one fault that is not a delay says."""
        fault = next((fault for fault in exchange.faults if fault.kind not in DELAYS), None)
        if fault is None:
            return self._apply(exchange.environ, exchange.body)
        if fault.kind in ("drop", "drop_then_apply"):
            self._drop(exchange, None, fault if fault.kind == "drop_then_apply" else None)
        replaced = replacement(fault)
        if replaced and fault.when == "before":
            return replaced
        answer = self._apply(exchange.environ, exchange.body)
        if fault.kind == "apply_then_drop":
            self._drop(exchange, answer, None)
        if fault.kind == "paging":
            return self._drift_page(exchange.environ, answer, fault)
        if fault.kind in ("truncated", "wrong_types"):
            return truncated(answer) if fault.kind == "truncated" else wrong_types(answer)
        return replaced or answer

    def _drop(self, exchange: _Exchange, applied: FaultyResponse | None, late: Fault | None) -> None:
        """End a call without an answer; schedule it if it is to be applied later."""
        number = self._log(exchange, applied, answered=False)
        if late:
            real = late.clock == "real"
            due = time.monotonic() + late.seconds if real else exchange.now + timedelta(seconds=late.seconds)
            self.delayed_requests.schedule(
                due, lambda: self._run_delayed(dict(exchange.environ), exchange.body, number)
            )
        raise ConnectionCut(abrupt=False)

    def _run_delayed(self, environ: Environ, body: bytes, number: int) -> None:
        exchange = _Exchange(environ, body, (), self._now(), time.perf_counter())
        self._log(exchange, self._apply(environ, body), late_for=number)

    def _drift_page(self, environ: Environ, answer: FaultyResponse, fault: Fault) -> FaultyResponse:
        if environ["REQUEST_METHOD"] != "GET":
            return answer
        grown = self._injector.coin_flip() if fault.change == "either" else fault.change == "grown"
        query = environ.get("QUERY_STRING", "")
        return drift(answer, query, lambda other: self._apply({**environ, "QUERY_STRING": other}, b""), grown=grown)

    def _log(
        self, exchange: _Exchange, answer: FaultyResponse | None, *, answered: bool = True, late_for: int | None = None
    ) -> int:
        environ = exchange.environ
        return self._call_log.record(
            at=exchange.now,
            method=environ["REQUEST_METHOD"],
            path=_text(environ["PATH_INFO"]),
            query=environ.get("QUERY_STRING", ""),
            request=exchange.body,
            status=answer.code if answer and answered else None,
            answer=answer.body if answer else b"",
            seconds=time.perf_counter() - exchange.started,
            faults=["drop_then_apply"] if late_for else [fault.kind for fault in exchange.faults],
            late_for=late_for,
            bearer=environ.get("HTTP_AUTHORIZATION", "").partition(" ")[2].strip(),
        )

    def _apply(self, environ: Environ, body: bytes) -> FaultyResponse:
        head: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], _error: object = None) -> None:
            head[:] = [status, headers]

        environ["wsgi.input"] = io.BytesIO(body)
        parts = self._app(environ, start)
        try:
            whole = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        return FaultyResponse(head[0], head[1], whole)


def install(app: Flask) -> None:
    """Put the middleware in front of a sandbox's app."""
    instance = sandbox(app)
    clock = instance.clock_control
    middleware = FaultMiddleware(app.wsgi_app, instance.faults, instance.calls, lambda: clock.now)
    app.wsgi_app = middleware  # type: ignore[assignment,method-assign]  # Flask's documentation names this way in
    app.extensions[_KEY] = middleware


def fault_middleware_of(app: Flask) -> FaultMiddleware:
    """Return the middleware in front of an app."""
    middleware: FaultMiddleware = app.extensions[_KEY]
    return middleware


def _is_control_path(path: str) -> bool:
    return path == "/" or path.startswith(_CONTROL_PATHS)


def _take_body(environ: Environ) -> bytes:
    """Return the body, empty when it is larger than any that is taken: the application refuses it by its length."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > LARGEST_BODY:
        return b""
    body: bytes = environ["wsgi.input"].read(int(length))
    return body


def _text(path: str) -> str:
    """Return a path as people read it; WSGI carries its bytes as Latin-1."""
    return path if path.isascii() else path.encode("latin-1").decode("utf-8", "replace")
