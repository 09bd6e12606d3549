"""``python -m claimable_benefits.sandbox``: the sandbox in a terminal."""

from __future__ import annotations

import argparse
import ipaddress
import sys
from collections.abc import Sequence
from pathlib import Path

from .app import DEFAULT_TOKEN, DEFAULT_ZONE, create_sandbox
from .courier import DEFAULT_SECRET
from .serving import serve_sandbox


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sandbox until Ctrl-C; return the exit code."""
    given = _parser().parse_args(arguments)
    if not given.beyond_loopback and not _is_loopback(given.host):
        return _fail(
            f"{given.host} is not this machine alone, and the sandbox guards nothing:"
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
    with running:
        print(f"Omneo sandbox at {running.url} (API {running.base_url}), token {running.token}", flush=True)
        try:
            running.wait()
        except KeyboardInterrupt:
            print("Stopped.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m claimable_benefits.sandbox",
        description="A double of the Omneo loyalty API for development and tests, on this machine only.",
    )
    parser.add_argument("--port", type=int, default=5001, help="the port to listen on (default: 5001; 0: any free one)")
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
        "--seed", choices=("demo", "empty"), default="demo", help="what a new state holds (default: demo)"
    )
    parser.add_argument("--reset", action="store_true", help="forget the state that the folder holds")
    parser.add_argument(
        "--webhook-secret", default=DEFAULT_SECRET, help=f"what signs its webhooks (default: {DEFAULT_SECRET})"
    )
    parser.add_argument("--timezone", default=DEFAULT_ZONE, help=f"the tenant's time zone (default: {DEFAULT_ZONE})")
    return parser


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


if __name__ == "__main__":
    sys.exit(main())
