"""``omneo-sandbox``, or ``python -m claimable_benefits.sandbox``: the sandbox in a terminal."""

from __future__ import annotations

import argparse
import ipaddress
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from claimable_benefits.sandbox.app import DEFAULT_TOKEN, DEFAULT_ZONE, create_sandbox
from claimable_benefits.sandbox.demo.guide import BENEFIT, PROFILE
from claimable_benefits.sandbox.demo.seed import SEEDS
from claimable_benefits.sandbox.running import RunningSandbox, serve_sandbox
from claimable_benefits.sandbox.state.request_state import sandbox
from claimable_benefits.sandbox.webhooks.sender import DEFAULT_SECRET


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox until Ctrl-C; return the exit code."""
    given = _parser().parse_args(arguments)
    if not given.beyond_loopback and not _is_loopback(given.host):
        return _fail(
            f"{given.host} is reachable from other machines, and the sandbox has no protection:"
            " add --beyond-loopback if you mean it."
        )
    try:
        app = create_sandbox(
            data=given.data,
            token=given.token,
            seed=given.seed,
            timezone=given.timezone,
            reset=given.reset,
            webhook_secret=given.webhook_secret,
            shop_url=given.shop_url,
            beyond_loopback=given.beyond_loopback,
        )
        running = serve_sandbox(app, given.port, given.host)
    except (ImportError, ValueError) as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"Cannot listen on {given.host}:{given.port} ({error.strerror}): name another port with --port.")
    with closing(sandbox(app).store), running, _signals() as asked_to_stop:
        print(_welcome(running, given.seed), flush=True)
        asked_to_stop.recv(1)
        print("Stopped.", file=sys.stderr)
    return 0


def _welcome(running: RunningSandbox, seed: str) -> str:
    """Return where it is, what opens it and what to try next; programs read the first line."""
    url, header = running.url, f"'Authorization: Bearer {running.token}'"
    return f"""Omneo sandbox at {url} (API {running.base_url}), token {running.token}
Try next:
{_guide(running) if seed == "guide" else ""}  curl -H {header} {running.base_url}/profiles
  {url}/  in a browser: what it holds
  {url}/_sandbox/faults  the faults to inject, {url}/_sandbox/calls  the log of calls
Ctrl-C stops it."""


def _guide(running: RunningSandbox) -> str:
    """Return what the guide's four calls need: its host and its placeholders."""
    return f"""  export TOKEN={running.token}
  the guide's four calls, with {running.url} for https://api.[tenant].getomneo.com,
  {PROFILE} for {{profileId}}, {BENEFIT} for {{benefitId}}, and items or null for [...]
"""


@contextmanager
def _signals() -> Iterator[socket.socket]:
    """Return a socket that has something to read once Ctrl-C, or the SIGTERM of a supervisor, has come.

    No exception is raised for them: wherever Python is at that moment, such as in a weak reference's callback, it might
    be swallowed, and the signal with it.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        previous = signal.set_wakeup_fd(writer.fileno())
        before = {number: signal.signal(number, lambda *_: None) for number in numbers}
        try:
            yield reader
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(previous)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="omneo-sandbox",
        description="A double of the Omneo loyalty API for development and tests, on this machine only.",
    )
    parser.add_argument("--port", type=_port, default=5001, help="where to listen (default: 5001; 0: any free port)")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--beyond-loopback", action="store_true", help="allow an address that other machines can reach")
    parser.add_argument("--shop-url", help="a page of the shop, which the console shows beside what Omneo believes")
    parser.add_argument(
        "--token", default=DEFAULT_TOKEN, help=f"the Bearer token it asks for (default: {DEFAULT_TOKEN})"
    )
    parser.add_argument(
        "--data", type=Path, help="the folder for its state, kept from run to run (default: none, forgotten)"
    )
    parser.add_argument(
        "--seed",
        choices=SEEDS,
        default="demo",
        help="what a new state holds: demo (six people), guide (the ids and the day of Omneo's guide) or empty",
    )
    parser.add_argument("--reset", action="store_true", help="forget the state that the folder holds")
    parser.add_argument(
        "--webhook-secret", default=DEFAULT_SECRET, help=f"what signs its webhooks (default: {DEFAULT_SECRET})"
    )
    parser.add_argument("--timezone", default=DEFAULT_ZONE, help=f"the tenant's time zone (default: {DEFAULT_ZONE})")
    return parser


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return int(text)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


def run() -> None:
    """Run the console script ``omneo-sandbox``."""
    sys.exit(main())


if __name__ == "__main__":
    run()
