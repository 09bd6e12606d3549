"""The commands as processes of their own, in a shop that configures no logging."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from tests.cli.conftest import Terminal, Unreachable
from tests.support.waiting import LIMIT

SHOP = """
from flask import Flask
from claimable_benefits import ClaimableBenefits


def create_app():
    app = Flask(__name__)
    app.config.from_prefixed_env()
    ClaimableBenefits().init_app(app)
    return app
"""
Flask_ = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def flask_command(terminal: Terminal) -> Flask_:
    """Starts ``flask benefits …`` as a process of its own, in a shop that configures no logging."""
    shop = terminal.file("shop.py", SHOP)
    settings = {
        "SECRET_KEY": "s",
        "OMNEO_BASE_URL": terminal.omneo.base_url,
        "OMNEO_TOKEN": terminal.omneo.token,
        "BENEFITS_WORKER": "off",
        "BENEFITS_DATABASE_URL": f"sqlite:///{terminal.folder / 'benefits.sqlite3'}",
    }

    def start(*args: str, **changes: str) -> subprocess.Popen[str]:
        environment = {f"FLASK_{name}": text for name, text in (settings | changes).items()}
        return subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-u", "-m", "flask", "--app", str(shop), "benefits", *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=terminal.folder,
            env=os.environ | environment,
        )

    return start


def finished(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    with process:
        said, complained = process.communicate(timeout=60)
    return process.returncode, said, complained


def test_a_refusal_at_a_terminal_is_one_line_even_without_logging(flask_command: Flask_) -> None:
    code, said, complained = finished(flask_command("submit", "A1", "--total", "5", "--redemption", "999999"))

    expected = (
        "Error: Omneo refuses order A1: The given data was invalid. There is no such redemption. "
        "Fix it, then: flask benefits resume A1\n"
    )
    assert (code, said, complained) == (1, "", expected)


def test_a_wrong_setting_at_a_terminal_is_one_line(flask_command: Flask_, terminal: Terminal) -> None:
    missing = terminal.folder / "missing" / "shop.sqlite3"

    code, said, complained = finished(flask_command("doctor", BENEFITS_DATABASE_URL=f"sqlite:///{missing}"))

    assert (code, said, complained.count("\n")) == (1, "", 1)
    assert complained.startswith("Error: BENEFITS_DATABASE_URL: cannot be used: ")
    assert complained.endswith("unable to open database file. Correct the address, or make the folder.\n")


@pytest.mark.timing
def test_the_worker_works_until_it_is_interrupted(flask_command: Flask_, terminal: Terminal) -> None:
    down = terminal.shop(transport=Unreachable())  # another address would be another shop
    terminal.refuses("submit", "A1", "--total", "5", shop=down)

    with flask_command("work", "--seconds", "0.1") as process:
        assert process.stdout is not None
        hung = threading.Timer(LIMIT, process.kill)
        hung.start()
        first, line = process.stdout.readline(), process.stdout.readline()
        hung.cancel()
        process.send_signal(signal.SIGINT)
        said, complained = process.communicate(timeout=60)

    assert first == "Working in 1 thread. Ctrl-C stops.\n"
    assert "1 delivered" in line
    assert (process.returncode, complained) == (0, "")
    assert said.startswith("Stopped. 1 delivered, ")
    assert terminal.one("transactions", external_id="A1")["total"] == 5
