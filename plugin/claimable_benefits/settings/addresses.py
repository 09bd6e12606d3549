"""Where Omneo, the ledger and the shared cache are, as an app's configuration says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from sqlalchemy import URL

from claimable_benefits.errors import SettingsError
from claimable_benefits.settings.reader import SettingsReader, check_quotes

_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


def base_url(reader: SettingsReader) -> str:
    url, tenant = reader.text("OMNEO_BASE_URL"), reader.text("OMNEO_TENANT")
    if not url and not tenant:
        raise SettingsError("OMNEO_TENANT", "is not set.", "Set it to your tenant's name, or set OMNEO_BASE_URL.")
    if not url:
        if not re.fullmatch(r"[A-Za-z0-9-]+", tenant):
            raise SettingsError(
                "OMNEO_TENANT", f"{tenant!r} is no tenant's name.", "Write the name alone, such as acme."
            )
        return f"https://api.{tenant}.getomneo.com/api/v3"
    parts = _address(url)
    if parts is None:
        without_password = url.rpartition("@")[2]
        problem = f"{without_password!r} is no plain address of a host and a path."
        raise SettingsError("OMNEO_BASE_URL", problem, "Write https://…/api/v3.")
    if parts.scheme == "http" and parts.hostname not in _THIS_MACHINE:
        raise SettingsError("OMNEO_BASE_URL", "would send the token in the clear.", "Use https:// for this address.")
    return url.rstrip("/")


def normalised_tenant(url: str) -> str:
    """Return the one spelling of an API's address: the rows of a tenant are found by it.

    Scheme and host are in lower case; a port that the scheme has anyway, and a slash at the end, are left out.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in (None, usual) else f":{parts.port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}{parts.path.rstrip('/')}"


def _address(url: str) -> SplitResult | None:
    """Split the address; None where it holds more than host, port and path, or cannot be read."""
    try:
        parts = urlsplit(url)
        is_readable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    is_plain = not (parts.username or parts.query or parts.fragment or re.search(r"\s", url))
    return parts if is_readable and is_plain else None


def proxy(reader: SettingsReader) -> str:
    """Return ``environment``, ``off`` or the address of a proxy, which may hold a password and is never quoted."""
    value = reader.required_text("OMNEO_PROXY")
    if value in ("environment", "off"):
        return value
    problem = proxy_problem(value)
    if problem:
        remedy = "Write http://host:port, or environment, or off."
        raise SettingsError("OMNEO_PROXY", f"{problem}.", remedy)
    return value


def proxy_problem(url: str) -> str | None:
    """Say why a proxy of this address cannot be used; None where it can. The address itself is never quoted."""
    try:
        parts = urlsplit(url)
        is_readable = bool(parts.hostname) and parts.port != 0 and not re.search(r"\s", url)
    except ValueError:
        is_readable = False
    if not is_readable or parts.scheme not in ("http", "https", "socks5", "socks5h"):
        return "is no address of a proxy"
    if parts.scheme.startswith("socks") and find_spec("socksio") is None:
        return 'is a SOCKS proxy, which needs the package socksio: pip install "httpx[socks]"'
    return None


def cache_url(reader: SettingsReader) -> str:
    url = reader.text("BENEFITS_CACHE_URL")
    if url and not url.startswith(("redis://", "rediss://", "unix://", "valkey://", "valkeys://")):
        problem = "is no address of a Valkey or Redis."  # not quoted, because it may hold a password
        raise SettingsError("BENEFITS_CACHE_URL", problem, "Write redis://host:6379/0.")
    return url.replace("valkey", "redis", 1) if url.startswith("valkey") else url


def database_url(config: Mapping[str, Any], instance_path: Path) -> str:
    """Return the shop's own database where it is known: submit() joins the shop's database transaction."""
    if own := config.get("BENEFITS_DATABASE_URL"):
        return _in_instance_folder(_on_disk(_rendered(own)), instance_path)
    engines = config.get("SQLALCHEMY_ENGINES")
    theirs = engines.get("default") if isinstance(engines, Mapping) else None
    theirs = theirs or config.get("SQLALCHEMY_DATABASE_URI")
    if isinstance(theirs, Mapping):
        theirs = theirs.get("url")
    return _in_instance_folder(_on_disk(_rendered(theirs or _while_developing(config))), instance_path)


def _while_developing(config: Mapping[str, Any]) -> str:
    """Return a file for a shop in development that names no database. Raises `SettingsError` for any other shop.

    Its orders may be anywhere: the first one would be paid before submit() finds that they are in another database.
    """
    is_development = config.get("DEBUG") or config.get("TESTING") or _is_sandbox(str(config.get("OMNEO_BASE_URL")))
    if is_development:
        return "sqlite:///benefits.sqlite3"
    problem = "is not set, and the app has no Flask-SQLAlchemy whose database it could be."
    raise SettingsError("BENEFITS_DATABASE_URL", problem, "Write the address of the database in which your orders are.")


def _is_sandbox(url: str) -> bool:
    """Whether this Omneo is a program on this machine."""
    parts = _address(url)
    return parts is not None and parts.hostname in _THIS_MACHINE


def _rendered(url: Any) -> str:
    if isinstance(url, Mapping):
        url = URL.create(**url)
    render = getattr(url, "render_as_string", None)  # SQLAlchemy's own URL hides the password in str()
    text = str(render(hide_password=False) if render else url).strip()
    check_quotes("BENEFITS_DATABASE_URL", text)
    return text


def _on_disk(url: str) -> str:
    _, is_sqlite, path = url.partition(_sqlite(url))
    if is_sqlite and (path in ("//", "///") or ":memory:" in path or "mode=memory" in path):
        problem = "is a database in memory, which forgets holds and redemptions."
        raise SettingsError("BENEFITS_DATABASE_URL", problem, "Use a file, such as sqlite:///shop.sqlite3.")
    return url


def _in_instance_folder(url: str, instance_path: Path) -> str:
    """Flask-SQLAlchemy reads relative SQLite paths from the instance folder; so do we, to open the same file."""
    prefix = f"{_sqlite(url)}///"
    path = url.removeprefix(prefix)
    if "uri=true" in url and path.startswith("file:") and not path.startswith("file://"):
        prefix, path = f"{prefix}file:", path.removeprefix("file:")
    if not url.startswith(prefix) or path.startswith(("/", ":", "file:")) or not path:
        return url
    try:
        instance_path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"is in {instance_path}, which cannot be made: {error.strerror}."
        raise SettingsError("BENEFITS_DATABASE_URL", problem, "Write the whole path, or make the folder.") from error
    return f"{prefix}{instance_path / path}"


def _sqlite(url: str) -> str:
    """Return the prefix of an SQLite address, with or without its driver."""
    return "sqlite+pysqlite:" if url.startswith("sqlite+pysqlite:") else "sqlite:"
