"""A sandbox on a real socket, in a thread of this process."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from flask import Flask

from claimable_benefits.sandbox.faults.middleware import fault_middleware_of
from claimable_benefits.sandbox.protocol.dialects import PREFIX
from claimable_benefits.sandbox.server.http_server import Server
from claimable_benefits.sandbox.state.call_log import CallLog
from claimable_benefits.sandbox.state.clock_control import ClockControl
from claimable_benefits.sandbox.state.fault_injector import FaultInjector
from claimable_benefits.sandbox.state.request_state import sandbox


class RunningSandbox:
    """A sandbox that listens: `url`, `base_url` (the API's, ending in ``/api/v3``) and `token`; a context manager.

    `faults` injects faults, `calls` is the log of calls and `clock` controls the time.
    """

    def __init__(self, app: Flask, server: Server) -> None:
        self.app = app
        self.url = f"http://{f'[{server.host}]' if ':' in server.host else server.host}:{server.port}"
        self.base_url = self.url + PREFIX
        self.token = sandbox(app).token
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def faults(self) -> FaultInjector:
        """Return the faults: ``faults.add("drop", path="*/redemptions", method="POST", times=1)``."""
        return sandbox(self.app).faults

    @property
    def calls(self) -> CallLog:
        """Return the log of calls: ``calls.calls(path="*/redemptions")``."""
        return sandbox(self.app).calls

    @property
    def clock(self) -> ClockControl:
        """Return the control of the clock: ``clock.move(seconds=601)``."""
        return sandbox(self.app).clock_control

    def close(self) -> None:
        """Stop listening; the app and its state stay, and may be served again."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()
            fault_middleware_of(self.app).delayed_requests.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve_sandbox(app: Flask, port: int = 0, host: str = "127.0.0.1") -> RunningSandbox:
    """Serve a sandbox in a thread and return once it listens.

    :param port: 0 for a free one
    :raises OSError: when the port is taken
    """
    return RunningSandbox(app, Server((host, port), app, fault_middleware_of(app).select_faults))
