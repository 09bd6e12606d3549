"""``python -m example_shop``: the shop, its payment provider and an Omneo sandbox, until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from claimable_benefits import SettingsError
from example_shop.customers.demo_shoppers import SHOPPERS
from example_shop.server.run import OmneoIncomplete, Running, start
from example_shop.server.serving import PortTaken


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until Ctrl-C or SIGTERM; returns the exit code."""
    options = _parser().parse_args(arguments)
    with _stop_requested() as stop:
        try:
            running = start(
                options.port, options.sandbox_port, options.payments_port, options.data, reset=options.reset
            )
        except PortTaken as taken:
            return _complain(_other_port(options, taken.port))
        except (OmneoIncomplete, SettingsError) as problem:
            return _complain(str(problem))
        except OSError as problem:
            return _complain(f"{options.data} cannot be used ({problem.strerror}): name another folder with --data.")
        with running:
            print(_welcome(running, options.data), flush=True)
            stop.wait()
    print("\nClosed. The data is kept for the next start.")
    return 0


@contextmanager
def _stop_requested() -> Iterator[Event]:
    """Yield an event that Ctrl-C and SIGTERM set."""
    stop = Event()
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda *_: stop.set()) for number in signals]
    try:
        yield stop
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m example_shop",
        description="A small shop with loyalty benefits, its payment provider and an Omneo sandbox, on this machine.",
        epilog="With OMNEO_BASE_URL and OMNEO_TOKEN in the environment the shop talks to that Omneo, not to a sandbox.",
    )
    for name, port in (("--port", 5000), ("--sandbox-port", 5001), ("--payments-port", 5002)):
        parser.add_argument(name, type=_port, default=port, help=f"default: {port}; 0 takes a free one")
    parser.add_argument("--data", type=Path, default=Path("instance"), help="the folder of all files (./instance)")
    parser.add_argument("--reset", action="store_true", help="delete the shop's files from the data folder first")
    return parser


def _port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: use a number from 0 to 65535.")
    return number


def _other_port(options: argparse.Namespace, port: int) -> str:
    names = {options.port: "--port", options.payments_port: "--payments-port", options.sandbox_port: "--sandbox-port"}
    return f"Port {port} is taken: stop what listens there, or choose another with {names[port]} {port + 10}."


def _complain(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


def _flask() -> str:
    """Return the path of this environment's ``flask`` command, relative to the working directory where possible."""
    program = Path(sys.executable).with_name("flask")
    try:
        return str(program.relative_to(Path.cwd()))
    except ValueError:
        return str(program)


def _welcome(running: Running, data: Path) -> str:
    names = ", ".join(shopper.name for shopper in SHOPPERS)
    omneo = (
        f"Omneo sandbox   {running.sandbox_url}   its data, its clock and its faults"
        if running.sandbox
        else "Omneo           the one in your environment"
    )
    return f"""
  Fennel & Tide   {running.shop_url}
  Payments        {running.payments_url}
  {omneo}

  Open the shop and sign in with one click: {names}.
  Pay with 4242 4242 4242 4242; the checkout page lists cards that are declined, answer late or ask for approval.
  At a terminal: {_flask()} --app example_shop.terminal benefits show --customer 1001
  All files are in {data}. Ctrl-C stops everything.
"""


if __name__ == "__main__":
    sys.exit(main())
