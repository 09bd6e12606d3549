"""The gate that every call of the API passes: faults on the way in and out, prepared answers, and the ledger."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

from flask import Flask

from claimable_benefits.sandbox.faults.corruption import FaultyResponse, dripping, instead, mistyped, truncated
from claimable_benefits.sandbox.faults.delayed_requests import DelayedRequests
from claimable_benefits.sandbox.faults.page_drift import shifted
from claimable_benefits.sandbox.faults.prepared import Prepared
from claimable_benefits.sandbox.server.body import LARGEST_BODY
from claimable_benefits.sandbox.server.connection import Application
from claimable_benefits.sandbox.server.disconnect import ConnectionCut
from claimable_benefits.sandbox.state.call_log import CallLog
from claimable_benefits.sandbox.state.fault_injector import DELAYS, Fault, FaultInjector
from claimable_benefits.sandbox.state.request_state import sandbox

_OWN = ("/_sandbox", "/openapi.json", "/favicon.ico", "/console")
_FAULTS = "omneo_sandbox.faults"
_GATE = "omneo_sandbox_gate"

Environ = dict[str, Any]


@dataclass(slots=True)
class _Exchange:
    """One request on its way through: `now` is the sandbox's time, `started` a reading of the performance counter."""

    environ: Environ
    body: bytes
    faults: Sequence[Fault]
    now: datetime
    started: float


class FaultMiddleware:
    """A WSGI application around the sandbox's own; what a double has for itself passes it untouched."""

    def __init__(self, app: Application, dial: FaultInjector, ledger: CallLog, prepared: Prepared) -> None:
        self._app = app
        self._dial = dial
        self._ledger = ledger
        self._prepared = prepared
        self.zombies = DelayedRequests(prepared.now)

    def admit(self, environ: Environ) -> None:
        """Choose what goes wrong with a request whose body is still unread; raise Lost to refuse it."""
        if _is_own(environ["PATH_INFO"]):
            return
        faults = self._dial.match(environ["REQUEST_METHOD"], _text(environ["PATH_INFO"]))
        environ[_FAULTS] = faults
        if any(fault.kind == "refuse" for fault in faults):
            self._record(_Exchange(environ, b"", faults, self._prepared.now(), time.perf_counter()), None)
            raise ConnectionCut(abrupt=True)

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request; raise Lost for one whose connection is to end without an answer."""
        if self.zombies:
            self.zombies.run_due()
        if _is_own(environ["PATH_INFO"]):
            return self._app(environ, start)
        if _FAULTS not in environ:
            self.admit(environ)
        faults: list[Fault] = environ[_FAULTS]
        started, body = time.perf_counter(), _take_body(environ)
        for fault in faults:
            if fault.kind == "latency":
                time.sleep(fault.seconds)
        now, key, answer = self._prepared.find(environ)
        visit = _Exchange(environ, body, faults, now, started)
        if faults:
            answer = self._misbehave(visit)
        elif answer is None:
            answer = self._apply(environ, body)
            if key:
                self._prepared.keep(key, answer)
        self._record(visit, answer)
        start(answer.status, [("Date", format_datetime(now, usegmt=True)), *answer.headers])
        slow = next((fault for fault in faults if fault.kind == "drip"), None)
        return dripping(answer.body, slow.seconds) if slow else [answer.body]

    def _misbehave(self, visit: _Exchange) -> FaultyResponse:
        """Do what the one fault that is no delay asks for."""
        fault = next((fault for fault in visit.faults if fault.kind not in DELAYS), None)
        if fault is None:
            return self._apply(visit.environ, visit.body)
        if fault.kind in ("drop", "zombie"):
            self._lose(visit, None, fault if fault.kind == "zombie" else None)
        lie = instead(fault)
        if lie and fault.when == "before":
            return lie
        answer = self._apply(visit.environ, visit.body)
        if fault.kind == "apply_then_drop":
            self._lose(visit, answer, None)
        if fault.kind == "paging":
            return self._shift(visit.environ, answer, fault)
        if fault.kind in ("truncated", "wrong_types"):
            return truncated(answer) if fault.kind == "truncated" else mistyped(answer)
        return lie or answer

    def _lose(self, visit: _Exchange, applied: FaultyResponse | None, late: Fault | None) -> None:
        """End a call without an answer, and bury it if it is to be applied later."""
        number = self._record(visit, applied, answered=False)
        if late:
            real = late.clock == "real"
            due = time.monotonic() + late.seconds if real else visit.now + timedelta(seconds=late.seconds)
            self.zombies.schedule(due, lambda: self._run_delayed(dict(visit.environ), visit.body, number))
        raise ConnectionCut(abrupt=False)

    def _run_delayed(self, environ: Environ, body: bytes, number: int) -> None:
        visit = _Exchange(environ, body, (), self._prepared.now(), time.perf_counter())
        self._record(visit, self._apply(environ, body), late_for=number)

    def _shift(self, environ: Environ, answer: FaultyResponse, fault: Fault) -> FaultyResponse:
        if environ["REQUEST_METHOD"] != "GET":
            return answer
        grown = self._dial.coin_flip() if fault.change == "either" else fault.change == "grown"
        query = environ.get("QUERY_STRING", "")
        return shifted(answer, query, lambda other: self._apply({**environ, "QUERY_STRING": other}, b""), grown=grown)

    def _record(
        self, visit: _Exchange, answer: FaultyResponse | None, *, answered: bool = True, late_for: int | None = None
    ) -> int:
        environ = visit.environ
        return self._ledger.record(
            at=visit.now,
            method=environ["REQUEST_METHOD"],
            path=_text(environ["PATH_INFO"]),
            query=environ.get("QUERY_STRING", ""),
            request=visit.body,
            status=answer.code if answer and answered else None,
            answer=answer.body if answer else b"",
            seconds=time.perf_counter() - visit.started,
            faults=["zombie"] if late_for else [fault.kind for fault in visit.faults],
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


def guard(app: Flask) -> None:
    """Put the gate in front of a sandbox's app."""
    box = sandbox(app)
    gate = FaultMiddleware(app.wsgi_app, box.faults, box.calls, Prepared(box.store, box.clock))
    app.wsgi_app = gate  # type: ignore[assignment,method-assign]  # Flask's documentation names this way in
    app.extensions[_GATE] = gate


def fault_middleware_of(app: Flask) -> FaultMiddleware:
    """Return the gate in front of an app."""
    gate: FaultMiddleware = app.extensions[_GATE]
    return gate


def _is_own(path: str) -> bool:
    return path == "/" or path.startswith(_OWN)


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
