"""What of the process's environment counts, and that none of it stops a shop at its start."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import certifi
import pytest

from claimable_benefits.errors import SettingsError
from claimable_benefits.omneo import OmneoClient
from claimable_benefits.omneo.environment import way_to

API = "https://api.acme.getomneo.com/api/v3"
PROXY = "http://proxy.example:3128"
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The process's environment without what this machine says of proxies and certificates."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def proxy_for(url: str, proxy: str = "environment", **proxies: str) -> str | None:
    return way_to(url, proxy, {}, proxies).proxy


BROKEN: dict[str, tuple[Mapping[str, str], str]] = {
    "a network": ({"NO_PROXY": "localhost,127.0.0.1,fd07:b51a:cc66:f0::/64"}, ""),
    "an address in brackets": ({"NO_PROXY": "[::1]"}, ""),
    "no address at all": ({"NO_PROXY": "[::1,a b,***,%%"}, "of NO_PROXY's entries"),
    "socks without its package": ({"ALL_PROXY": "socks5://127.0.0.1:1080"}, "needs the package socksio"),
    "half an address": ({"HTTPS_PROXY": "http://[::1"}, "HTTPS_PROXY is no address of a proxy"),
    "a strange port": ({"HTTPS_PROXY": "http://proxy.example:port"}, "HTTPS_PROXY is no address"),
    "a strange scheme": ({"HTTPS_PROXY": "gopher://proxy.example"}, "HTTPS_PROXY is no address"),
    "only spaces": ({"HTTPS_PROXY": "  "}, ""),
    "no such file": ({"SSL_CERT_FILE": "/no/such/file.pem"}, "SSL_CERT_FILE names no readable certificates"),
    "a folder as a file": ({"SSL_CERT_FILE": "/"}, "SSL_CERT_FILE names no readable certificates"),
    "no certificates": ({"SSL_CERT_FILE": __file__}, "SSL_CERT_FILE names no readable certificates"),
    "no such folder": ({"SSL_CERT_DIR": "/no/such/folder"}, "SSL_CERT_DIR names no readable certificates"),
    "a log of keys": ({"SSLKEYLOGFILE": "/no/such/folder/keys"}, "SSLKEYLOGFILE cannot be written"),
}


@pytest.mark.parametrize(("variables", "said"), BROKEN.values(), ids=BROKEN)
def test_nothing_in_the_environment_stops_a_shop_at_its_start(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, variables: Mapping[str, str], said: str
) -> None:
    for name, text in variables.items():
        environment.setenv(name, text)

    with caplog.at_level(logging.WARNING):
        OmneoClient(API, "token", timezone="UTC").close()

    assert len(caplog.messages) == bool(said)
    assert said in caplog.text


def test_all_that_cannot_be_used_is_said_in_one_line(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name, text in {
        "HTTPS_PROXY": "http://anna:pa55@[::1",
        "ALL_PROXY": "socks5://anna:pa55@proxy.example",
        "NO_PROXY": "%%",
        "SSL_CERT_FILE": "/no/such/file.pem",
    }.items():
        environment.setenv(name, text)

    OmneoClient(API, "token", timezone="UTC").close()

    assert len(caplog.messages) == 1
    for name in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"):
        assert name in caplog.text
    assert "pa55" not in caplog.text


@pytest.mark.parametrize(
    ("proxies", "used"),
    [
        ({}, None),
        ({"https": PROXY}, PROXY),
        ({"http": PROXY}, None),
        ({"all": PROXY}, PROXY),
        ({"all": "http://other.example", "https": PROXY}, PROXY),
        ({"all": PROXY, "https": "http://[::1"}, PROXY),
        ({"https": "proxy.example:3128"}, PROXY),
        ({"https": "http://anna:pw@proxy.example"}, "http://anna:pw@proxy.example"),
    ],
)
def test_the_proxy_of_the_environment_is_used(proxies: dict[str, str], used: str | None) -> None:
    assert proxy_for(API, **proxies) == used


@pytest.mark.parametrize(
    ("url", "no", "direct"),
    [
        (API, "*", True),
        (API, "getomneo.com", True),
        (API, ".getomneo.com", True),
        (API, "*.getomneo.com", True),
        (API, "a.example, API.ACME.getomneo.com", True),
        (API, "a.example api.acme.getomneo.com", True),
        (API, "api.acme.getomneo.com:443", True),
        (API, "https://api.acme.getomneo.com", True),
        (API, "api.acme.getomneo.com:8443", False),
        (API, "omneo.com", False),
        (API, "acme", False),
        (API, "10.0.0.0/8,[::1]", False),
        ("https://10.1.2.3/api/v3", "10.0.0.0/8", True),
        ("https://10.1.2.3/api/v3", "10.1.2.3", True),
        ("https://10.1.2.3/api/v3", "11.0.0.0/8", False),
        ("https://[fd07:b51a:cc66:f0::1]/api/v3", "fd07:b51a:cc66:f0::/64", True),
        ("https://[fd07:b51a:cc66:f0::1]/api/v3", "[fd07:b51a:cc66:f0:0::1]", True),
        ("https://[fd07:b51a:cc66:f1::1]/api/v3", "fd07:b51a:cc66:f0::/64", False),
        ("http://127.0.0.1:5001/api/v3", "", True),
        ("http://localhost:5001/api/v3", "", True),
        ("http://[::1]:5001/api/v3", "", True),
    ],
)
def test_what_no_proxy_names_is_called_directly(url: str, no: str, direct: bool) -> None:
    assert proxy_for(url, http=PROXY, https=PROXY, no=no) == (None if direct else PROXY)


def test_a_setting_decides_before_the_environment() -> None:
    assert proxy_for(API, "off", https=PROXY) is None
    assert proxy_for(API, "http://mine.example", https=PROXY, no="*") == "http://mine.example"
    assert proxy_for("http://127.0.0.1:5001", "http://mine.example") == "http://mine.example"


def test_the_password_of_a_proxy_is_not_shown() -> None:
    assert "pa55" not in repr(way_to(API, "http://anna:pa55@proxy.example", {}))


def test_the_certificates_of_the_environment_are_trusted(tmp_path: Path) -> None:
    one = Path(certifi.where()).read_text("utf-8").split("-----END CERTIFICATE-----")[0]
    file = tmp_path / "ours.pem"
    file.write_text(f"{one}-----END CERTIFICATE-----\n", "utf-8")

    way = way_to(API, "off", {"SSL_CERT_FILE": str(file)})

    assert way.certificates is not None
    assert len(way.certificates.get_ca_certs()) == 1
    assert way_to(API, "off", {}).certificates is None


@pytest.mark.parametrize("proxy", ["http://[::1", "no address", "gopher://proxy.example"])
def test_a_proxy_that_cannot_be_read_is_a_settings_error(proxy: str) -> None:
    with pytest.raises(SettingsError, match="OMNEO_PROXY"):
        OmneoClient(API, "token", timezone="UTC", proxy=proxy)


class RecordingProxy(BaseHTTPRequestHandler):
    """Answers for whatever address it is asked, and notes the address."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = json.dumps({"data": {"profile_id": "p1"}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def test_a_call_goes_through_the_proxy_of_the_setting() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), RecordingProxy)
    thread = Thread(target=server.serve_forever)
    thread.start()
    proxy = f"http://127.0.0.1:{server.server_port}"
    try:
        with OmneoClient("http://127.0.0.1:9/api/v3", "token", timezone="UTC", proxy=proxy) as client:
            found = client.profile_id("1001")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

    assert found == "p1"
    assert [address.partition("?")[0] for address in RecordingProxy.asked] == [
        "http://127.0.0.1:9/api/v3/identities/search"
    ]
