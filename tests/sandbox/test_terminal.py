"""``python -m claimable_benefits.sandbox``."""

from __future__ import annotations

import socket
import subprocess
import sys
import urllib.request

import pytest

from claimable_benefits.sandbox.__main__ import main


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


def test_it_prints_its_address_and_token_and_answers() -> None:
    command = [sys.executable, "-m", "claimable_benefits.sandbox", "--port", "0", "--token", "secret-7"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own module
        assert process.stdout is not None
        line = process.stdout.readline()
        url = next(word for word in line.split() if word.startswith("http"))
        with urllib.request.urlopen(f"{url}/_sandbox/health") as answer:  # noqa: S310 - our own server
            status = answer.status
        process.terminate()

    assert (status, "secret-7" in line) == (200, True)


def test_without_the_extra_it_says_in_one_line_what_to_install() -> None:
    script = (
        "import sys; sys.modules['json_logic'] = None\n"
        "from claimable_benefits.sandbox.__main__ import main; sys.exit(main(['--port', '0']))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603 - our own module

    assert (ended.returncode, ended.stderr.count("\n"), ended.stdout) == (1, 1, "")
    assert "install flask-claimable-benefits[sandbox]" in ended.stderr
