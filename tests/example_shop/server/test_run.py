"""``python -m example_shop``: it starts, says where it is, and stops without a trace."""

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
from example_shop.server.run import OUR_FILES, OmneoIncomplete, empty, omneo_settings, start
from example_shop.server.serving import PortTaken, reserve

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
    """What it says once it is there."""
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
        answers = [requests.get(url, timeout=5).status_code for url in urls]
        kept = {path.name for path in tmp_path.iterdir()}
        process.send_signal(signal.SIGINT)
        rest, complaints = process.communicate(timeout=15)

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
        _, complaints = process.communicate(timeout=15)

    assert "the one in your environment" in welcome
    assert not (tmp_path / "sandbox.sqlite3").exists()
    assert (process.returncode, complaints) == (0, "")


@pytest.mark.parametrize("option", ["--port", "--sandbox-port", "--payments-port"])
def test_a_taken_port_is_said_in_one_line_with_the_remedy(
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


def test_a_data_folder_that_is_none_is_explained(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "file"
    file.touch()
    code = main([*FREE_PORTS, "--data", str(file)])

    assert code == 1
    assert capfd.readouterr().err == f"{file} cannot be used (File exists): name another folder with --data.\n"


def test_half_an_omneo_is_explained(
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


def test_another_start_keeps_everything_and_reset_starts_afresh(tmp_path: Path) -> None:
    keys = []
    for reset in (False, False, True):
        with start(data=tmp_path, reset=reset, environ={}):
            keys.append((tmp_path / "secret.key").read_text())

    assert keys[0] == keys[1]
    assert keys[1] != keys[2]


def test_emptying_the_data_folder_leaves_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("mine")
    (tmp_path / "other.sqlite3").write_text("mine")
    for name in OUR_FILES:
        (tmp_path / name).write_text("ours")
    empty(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["diary.txt", "other.sqlite3"]


def test_a_port_is_ours_or_taken() -> None:
    with reserve(0) as ours:
        port = ours.getsockname()[1]
        with pytest.raises(PortTaken) as raised:
            reserve(port)

    assert port == raised.value.port


@pytest.mark.parametrize(
    ("environ", "settings"),
    [
        ({}, {}),
        ({"OMNEO_TIMEZONE": "UTC"}, {}),
        ({"OMNEO_BASE_URL": "u", "OMNEO_TOKEN": "t", "HOME": "/"}, {"OMNEO_BASE_URL": "u", "OMNEO_TOKEN": "t"}),
        ({"OMNEO_TENANT": "x", "OMNEO_TOKEN": "t"}, {"OMNEO_TENANT": "x", "OMNEO_TOKEN": "t"}),
    ],
)
def test_the_environment_names_an_omneo_or_none(environ: dict[str, str], settings: dict[str, str]) -> None:
    assert settings == omneo_settings(environ)


def test_an_omneo_without_a_token_is_incomplete() -> None:
    with pytest.raises(OmneoIncomplete, match="OMNEO_TOKEN is missing"):
        omneo_settings({"OMNEO_BASE_URL": "u"})
