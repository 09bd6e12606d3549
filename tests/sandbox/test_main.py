"""``python -m claimable_benefits.sandbox``."""

from __future__ import annotations

import json
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from claimable_benefits.sandbox.__main__ import main
from tests.sandbox.concurrent_clients import first_line, port_in, process


def test_a_taken_port_is_one_line_with_the_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code = main(["--port", str(port), "--seed", "empty"])

    said = capsys.readouterr().err
    assert (code, said.count("\n")) == (1, 1)
    assert "--port" in said
    assert str(port) in said


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "example.com"])  # noqa: S104 - to be refused
def test_an_address_beyond_this_machine_needs_the_flag(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--host", host])

    assert (code, "--beyond-loopback" in capsys.readouterr().err) == (1, True)


def test_a_wrong_time_zone_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert (main(["--timezone", "Mars"]), "Mars" in capsys.readouterr().err) == (1, True)


def test_help_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])

    said = capsys.readouterr().out
    assert [
        name
        for name in ("port", "token", "data", "seed", "reset", "timezone", "host", "webhook-secret")
        if f"--{name}" not in said
    ] == []


@pytest.mark.parametrize("port", ["70000", "-1", "http"])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([f"--port={port}"])

    assert "0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_what_to_try_and_stops_with_either_signal(number: signal.Signals) -> None:
    with process(None, "--token", "secret-7") as running, closing(HTTPConnection("127.0.0.1", timeout=60)) as waiting:
        line = first_line(running)
        assert running.stdout is not None
        hints = "".join(running.stdout.readline() for _ in range(5))
        waiting.port = port_in(line)
        waiting.request("GET", "/_sandbox/health")
        with waiting.getresponse() as answer:
            status = answer.status
        running.send_signal(number)
        code = running.wait(timeout=30)  # an idle connection would stay open for a minute

    assert (status, "secret-7" in line, code) == (200, True, 0)
    assert [word for word in ("curl -H", "/_sandbox/faults", "/_sandbox/calls", "Ctrl-C") if word not in hints] == []


def test_the_curl_line_it_prints_works() -> None:
    with process() as running:
        assert running.stdout is not None
        first_line(running)
        command = next(line for line in running.stdout if "curl" in line)
        done = subprocess.run(shlex.split(command), capture_output=True, text=True, timeout=30, check=True)  # noqa: S603 - its own words

    assert json.loads(done.stdout)["data"] == []


def test_nothing_is_left_of_a_state_that_was_to_be_forgotten(tmp_path: Path) -> None:
    with process(None, environment={"TMPDIR": str(tmp_path)}) as running:
        first_line(running)
        during = len(list(tmp_path.iterdir()))
        running.terminate()
        running.wait(timeout=60)

    assert (during, list(tmp_path.iterdir())) == (1, [])


@pytest.mark.parametrize("library", ["json_logic", "yaml"])
def test_without_the_extra_it_says_in_one_line_what_to_install(library: str) -> None:
    script = (
        f"import sys; sys.modules[{library!r}] = None\n"
        "from claimable_benefits.sandbox.__main__ import main; sys.exit(main(['--port', '0']))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603 - our own module

    assert (ended.returncode, ended.stderr.count("\n"), ended.stdout) == (1, 1, "")
    assert "install flask-claimable-benefits[sandbox]" in ended.stderr
