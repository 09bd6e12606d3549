"""Run the shop, its payment provider and an Omneo sandbox in one process."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from socket import socket
from types import TracebackType
from typing import Any, Self

from flask import Flask

from claimable_benefits.sandbox import RunningSandbox, create_sandbox, serve_sandbox
from example_shop.app import DATABASE_NAME, SECRET_NAME, close_app, create_app
from example_shop.payments.provider import create_provider, provider_of
from example_shop.payments.store import FILE_NAME as PAYMENTS_NAME
from example_shop.server.seed import add_old_order
from example_shop.server.serving import HOST, AppServer, reserve

SANDBOX_NAME = "sandbox.sqlite3"
RUNNING_NAME = "running.json"  # the addresses of the running Omneo and payment provider, for commands at a terminal
_DATABASES = (DATABASE_NAME, PAYMENTS_NAME, SANDBOX_NAME)
OUR_FILES = (SECRET_NAME, RUNNING_NAME, *(name + end for name in _DATABASES for end in ("", "-wal", "-shm")))


class OmneoIncomplete(Exception):
    """The environment names only part of the connection to Omneo; ``str()`` says what is missing."""


class Running:
    """The running services; ``sandbox`` and ``sandbox_url`` are None where the shop uses another Omneo."""

    def __init__(
        self,
        app: Flask,
        shop_url: str,
        payments_url: str,
        sandbox: RunningSandbox | None,
        close: Callable[[], None],
    ) -> None:
        self.app = app
        self.shop_url = shop_url
        self.payments_url = payments_url
        self.sandbox = sandbox
        self.sandbox_url = sandbox.url if sandbox else None
        self.close = close

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def start(
    port: int = 0,
    sandbox_port: int = 0,
    payments_port: int = 0,
    data: Path = Path("instance"),
    *,
    reset: bool = False,
    late_seconds: float = 6.0,
    config: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Running:
    """Start all services on 127.0.0.1; port 0 takes a free one.

    Starts no sandbox where ``environ`` (default: the process's) names an Omneo with ``OMNEO_BASE_URL`` and
    ``OMNEO_TOKEN``. ``late_seconds`` is how late the payment provider's late answers are. Raises `PortTaken`,
    `OmneoIncomplete` and the extension's `SettingsError`, with nothing left running.
    """
    omneo = omneo_settings(os.environ if environ is None else environ)
    with ExitStack() as stack:
        shop_port = stack.enter_context(reserve(port))
        provider_port = stack.enter_context(reserve(payments_port))
        omneo_port = None if omneo else stack.enter_context(reserve(sandbox_port))
        if reset:
            empty(data)
        data.mkdir(parents=True, exist_ok=True)
        benefits_url = f"http://{HOST}:{shop_port.getsockname()[1]}/account/benefits"
        sandbox = _serve_sandbox(stack, data, omneo_port, benefits_url) if omneo_port else None
        if sandbox:
            omneo = {"OMNEO_BASE_URL": sandbox.base_url, "OMNEO_TOKEN": sandbox.token, "CONSOLE_URL": sandbox.url}
        payments = _serve_payments(stack, data, provider_port, late_seconds)
        _write_addresses(stack, data, {"PAYMENTS_URL": payments.url, **(omneo if sandbox else {})})
        app = create_app(data, {"PAYMENTS_URL": payments.url, **omneo, **(config or {})})
        stack.callback(close_app, app)
        if sandbox:
            add_old_order(app)
        shop = AppServer(app, shop_port)
        stack.callback(shop.close)
        return Running(app, shop.url, payments.url, sandbox, stack.pop_all().close)


def omneo_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the ``OMNEO_`` settings of the environment; none where it names no Omneo. Raises `OmneoIncomplete`."""
    given = {key: value for key, value in environ.items() if key.startswith("OMNEO_") and value}
    if not given.keys() & {"OMNEO_BASE_URL", "OMNEO_TENANT", "OMNEO_TOKEN"}:
        return {}
    if "OMNEO_TOKEN" not in given:
        raise OmneoIncomplete("OMNEO_TOKEN is missing: set it too, or unset the others to use the sandbox.")
    if not given.keys() & {"OMNEO_BASE_URL", "OMNEO_TENANT"}:
        raise OmneoIncomplete("OMNEO_BASE_URL is missing: set it too, or unset OMNEO_TOKEN to use the sandbox.")
    return given


def empty(data: Path) -> None:
    """Delete the shop's files from the data folder, and nothing else."""
    for name in OUR_FILES:
        (data / name).unlink(missing_ok=True)


def _write_addresses(stack: ExitStack, data: Path, settings: Mapping[str, str]) -> None:
    """Write the addresses for commands at a terminal, while the shop runs; never the token of a real Omneo."""
    running = data / RUNNING_NAME
    running.write_text(json.dumps(settings), encoding="utf-8")
    stack.callback(running.unlink, missing_ok=True)


def _serve_sandbox(stack: ExitStack, data: Path, reserved: socket, shop_url: str) -> RunningSandbox:
    port = reserved.getsockname()[1]
    app = create_sandbox(data=data, seed="demo", shop_url=shop_url)
    reserved.close()
    sandbox = serve_sandbox(app, port)
    stack.callback(sandbox.close)
    return sandbox


def _serve_payments(stack: ExitStack, data: Path, reserved: socket, late_seconds: float) -> AppServer:
    app = create_provider(data, late_seconds=late_seconds)
    served = AppServer(app, reserved)
    stack.callback(served.close)
    stack.callback(provider_of(app).close)
    return served
