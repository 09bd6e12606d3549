"""Read from the process's environment how Omneo is reached: proxies and certificates.

Whatever is written there, a shop starts: what cannot be used is left out, and one line in the log says so.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from claimable_benefits.settings.addresses import proxy_problem

_log = logging.getLogger("claimable_benefits.omneo")
_HOST = re.compile(r"(?P<host>[*.]*[\w.-]+|\[[0-9a-f:.]+\])(?::(?P<port>\d+))?")
_CERTIFICATES = {"SSL_CERT_FILE": Path.is_file, "SSL_CERT_DIR": Path.is_dir}


@dataclass(frozen=True, slots=True)
class Way:
    """The way to one address: through ``proxy`` (None: directly), trusting ``certificates`` (None: the usual ones)."""

    proxy: str | None = field(default=None, repr=False)  # it may hold a password
    certificates: ssl.SSLContext | None = None


def way_to(url: str, proxy: str, environ: Mapping[str, str], proxies: Mapping[str, str] | None = None) -> Way:
    """Decide how ``url`` is reached. ``proxy`` is a proxy's address, ``off``, or ``environment``.

    With ``environment`` the usual variables decide: HTTPS_PROXY, ALL_PROXY, and NO_PROXY with its names, addresses and
    networks. An address of this machine is always called directly. SSL_CERT_FILE and SSL_CERT_DIR count in each case.
    ``proxies`` replaces what `urllib.request.getproxies` finds.
    """
    problems: list[str] = []
    chosen = None if proxy == "off" else proxy
    if proxy == "environment":
        chosen = _proxy_for(url, getproxies() if proxies is None else proxies, problems)
    way = Way(chosen, _certificates(environ, problems))
    if problems:
        _log.warning("The extension ignores what it cannot use of the environment: %s.", "; ".join(problems))
    return way


def _proxy_for(url: str, proxies: Mapping[str, str], problems: list[str]) -> str | None:
    parts = urlsplit(url)
    host, address = (parts.hostname or "").rstrip("."), _address(parts.hostname or "")
    if host == "localhost" or (address and address.is_loopback):
        return None
    if _is_excluded(host, address, parts.port or (443 if parts.scheme == "https" else 80), proxies, problems):
        return None
    for name in (parts.scheme, "all"):
        if text := proxies.get(name, "").strip():
            proxy = text if "://" in text else f"http://{text}"
            problem = proxy_problem(proxy)
            if problem is None:
                return proxy
            problems.append(f"{name.upper()}_PROXY {problem}")
    return None


def _is_excluded(
    host: str,
    address: IPv4Address | IPv6Address | None,
    port: int,
    proxies: Mapping[str, str],
    problems: list[str],
) -> bool:
    """Whether NO_PROXY names the host: by itself, by its domain, by its address, or by a network."""
    unreadable, is_excluded = 0, False
    for entry in re.split(r"[,\s]+", proxies.get("no", "").lower()):
        bare = entry.rpartition("://")[2]
        if network := _network(bare):
            is_excluded |= address is not None and address in network
        elif found := _HOST.fullmatch(bare):
            name, own_port = found["host"].lstrip("*."), found["port"]
            is_name = host == name or host.endswith(f".{name}") or (address and address == _address(name))
            is_excluded |= bool(is_name) and own_port in (None, str(port))
        elif bare == "*":
            return True
        elif bare:
            unreadable += 1
    if unreadable:
        problems.append(f"{unreadable} of NO_PROXY's entries, which are no name, address or network")
    return is_excluded


def _certificates(environ: Mapping[str, str], problems: list[str]) -> ssl.SSLContext | None:
    for name, is_there in _CERTIFICATES.items():
        if not (text := environ.get(name)):
            continue
        try:
            if not is_there(Path(text)):
                raise FileNotFoundError  # OpenSSL takes a folder that does not exist, and then trusts no server
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(**{"cafile" if name == "SSL_CERT_FILE" else "capath": text})
        except (OSError, ValueError) as error:
            problems.append(f"{name} names no readable certificates ({type(error).__name__})")
        else:
            return context
    return None


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.strip("[]"))
    except ValueError:
        return None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None
