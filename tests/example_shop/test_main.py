"""``python -m example_shop``: it starts, prints its addresses, and stops without an error."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from example_shop.__main__ import main
from example_shop.server.run import OUR_FILES

FREE_PORTS = ["--port", "0", "--sandbox-port", "0", "--payments-port", "0"]


@contextmanager
def running(data: Path, *arguments: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """The command in a process of its own."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OMNEO_")}
    inherited["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    command = [sys.executable, "-m", "example_shop", "--data", str(data), *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, text=True, env=inherited | environ, stdout=pipe, stderr=pipe) as process:  # noqa: S603  # our own command
        try:
            yield process
        finally:
            process.kill()


def read_welcome(process: subprocess.Popen[str]) -> str:
    """Return what it prints once it serves."""
    assert process.stdout is not None
    said = ""
    for line in iter(process.stdout.readline, ""):
        said += line
        if "Ctrl-C" in line:
            break
    return said


def addresses(welcome: str) -> list[str]:
    """Shop, payment provider, sandbox."""
    return re.findall(r"http://127\.0\.0\.1:\d+", welcome)


def test_it_welcomes_serves_and_stops_on_ctrl_c(tmp_path: Path) -> None:
    with running(tmp_path, *FREE_PORTS) as process:
        welcome = read_welcome(process)
        shop, payments, sandbox = addresses(welcome)
        urls = (f"{shop}/account/benefits", f"{payments}/payments", sandbox)
        answers = [requests.get(url, timeout=60).status_code for url in urls]
        kept = {path.name for path in tmp_path.iterdir()}
        process.send_signal(signal.SIGINT)
        rest, complaints = process.communicate(timeout=120)

    assert answers == [200, 200, 200]
    assert "Mia Ngo" in welcome
    assert {"shop.sqlite3", "sandbox.sqlite3", "payments.sqlite3", "secret.key"} <= kept <= set(OUR_FILES)
    assert (process.returncode, complaints) == (0, "")
    assert "Closed." in rest
    with pytest.raises(requests.ConnectionError):
        requests.get(shop, timeout=1)


def test_it_talks_to_the_omneo_of_the_environment_and_stops_on_sigterm(tmp_path: Path) -> None:
    omneo = {"OMNEO_BASE_URL": "http://127.0.0.1:9/api/v3", "OMNEO_TOKEN": "token"}
    with running(tmp_path, *FREE_PORTS, **omneo) as process:
        welcome = read_welcome(process)
        process.terminate()
        _, complaints = process.communicate(timeout=120)

    assert "the one in your environment" in welcome
    assert not (tmp_path / "sandbox.sqlite3").exists()
    assert (process.returncode, complaints) == (0, "")


@pytest.mark.parametrize("option", ["--port", "--sandbox-port", "--payments-port"])
def test_a_taken_port_is_one_line_with_the_remedy(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], option: str
) -> None:
    threads = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code = main([*FREE_PORTS, option, str(port), "--data", str(tmp_path / "data")])
    said = capfd.readouterr()

    assert (code, said.out) == (1, "")
    remedy = f"choose another with {option} {port + 10}."
    assert f"Port {port} is taken: stop what listens there, or {remedy}\n" == said.err
    assert threads == threading.active_count()
    assert not (tmp_path / "data").exists()


def test_a_data_folder_that_is_a_file_is_explained(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()
    code = main([*FREE_PORTS, "--data", str(file)])

    assert code == 1
    assert capfd.readouterr().err == f"{file} cannot be used (File exists): name another folder with --data.\n"


def test_an_incomplete_connection_to_omneo_is_explained(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMNEO_TOKEN", "token")
    code = main([*FREE_PORTS, "--data", str(tmp_path)])

    assert code == 1
    assert capfd.readouterr().err == (
        "OMNEO_BASE_URL is missing: set it too, or unset OMNEO_TOKEN to use the sandbox.\n"
    )


def test_help_names_every_option(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    said = capfd.readouterr().out
    options = ("--port", "--sandbox-port", "--payments-port", "--data", "--reset", "OMNEO_BASE_URL")

    assert left.value.code == 0
    assert [option for option in options if option not in said] == []


def test_a_port_that_is_none_is_explained(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--port", "70000"])

    assert left.value.code == 2
    assert "'70000' is no port: use a number from 0 to 65535." in capfd.readouterr().err
