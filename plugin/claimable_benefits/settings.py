"""Every setting: one table that the code, the README and ``flask benefits doctor`` read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from claimable_benefits.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of the app's configuration: what it takes, what holds without it, what it is for."""

    key: str
    kind: str
    default: Any
    sentence: str


TABLE: tuple[Setting, ...] = (
    Setting("OMNEO_TENANT", "name", None, "Your tenant's name: the API is reached at api.NAME.getomneo.com."),
    Setting(
        "OMNEO_BASE_URL", "url", None, "The API's address, where it is not the tenant's usual one; ends in /api/v3."
    ),
    Setting("OMNEO_TOKEN", "text", None, "An API token of the tenant. Needed."),
    Setting("OMNEO_DIALECT", "auto, guide or reference", "auto", "Which of Omneo's two sets of paths to use."),
    Setting(
        "OMNEO_IDENTITY_HANDLE", "text", "ecommerce", "The identity handle under which Omneo knows your customers."
    ),
    Setting(
        "OMNEO_TIMEZONE", "zone", "UTC", "The time zone in which times are sent, and shown to shoppers without one."
    ),
    Setting(
        "OMNEO_DATES", "utc or echo", "utc", "Whether the tenant answers in UTC or echoes the times that were sent."
    ),
    Setting("OMNEO_WEBHOOK_SECRET", "text", None, "What Omneo signs its webhooks with; without it none is taken."),
    Setting(
        "BENEFITS_DATABASE_URL",
        "url",
        None,
        "The database of the ledger: the one in which your orders are. Without it: Flask-SQLAlchemy's.",
    ),
    Setting(
        "BENEFITS_POLICIES", "path", None, "The policy file: what each kind of benefit is worth, and where it is used."
    ),
    Setting("BENEFITS_HOLD_MINUTES", "whole number", 30, "How long an applied benefit stays reserved for its cart."),
    Setting(
        "BENEFITS_ORDER_GRACE_MINUTES", "whole number", 8, "How long an order may stay open after its benefit was used."
    ),
    Setting(
        "BENEFITS_SETTLE_SECONDS", "whole number", 90, "How long a lost answer may still turn out to have been a yes."
    ),
    Setting("BENEFITS_FORM_MINUTES", "whole number", 120, "How long a page's buttons stay valid."),
    Setting(
        "BENEFITS_CACHE_SECONDS", "whole number", 60, "How long a shelf is shown before Omneo is asked again; 0: never."
    ),
    Setting(
        "BENEFITS_CACHE_STALE_MINUTES",
        "whole number",
        60,
        "How old a shelf may be that is shown, with its age, while Omneo does not answer.",
    ),
    Setting("BENEFITS_CACHE_MEGABYTES", "whole number", 16, "How much memory each process keeps shelves in, about."),
    Setting(
        "BENEFITS_CACHE_URL",
        "url",
        None,
        "A Valkey or Redis in which all processes share shelves, such as redis://localhost:6379/0.",
    ),
    Setting("BENEFITS_PAGE_BUDGET_MS", "whole number", 400, "How many milliseconds a page waits for Omneo at most."),
    Setting(
        "BENEFITS_WAITING_THREADS",
        "whole number",
        4,
        "How many threads of a process wait for Omneo at once: a quarter of those that it has.",
    ),
    Setting("BENEFITS_LOGIN_URL", "path", "/login", "Where a guest signs in; the way back is added as ?next=."),
    Setting("BENEFITS_CHECKOUT_URL", "path", "/checkout", "Where your checkout page is."),
    Setting(
        "BENEFITS_ORDER_URL", "path", "", "Where an order's page is, such as /orders/{order_number}; empty: no links."
    ),
    Setting("BENEFITS_BASE_TEMPLATE", "template", "claimable_benefits/base.html", "The layout that our pages extend."),
    Setting("BENEFITS_LOCALE", "locale", "en", "How dates and amounts are written for shoppers without a locale."),
    Setting(
        "BENEFITS_WORKER",
        "embedded, celery or off",
        "embedded",
        "Who delivers and settles: a thread of each process, Celery, or only `flask benefits work`.",
    ),
    Setting("BENEFITS_WORKER_SECONDS", "whole number", 1, "How often the embedded worker looks for work."),
    Setting(
        "BENEFITS_RECONCILE",
        "report, repair or off",
        "report",
        "Whether the worker compares shop, ledger and Omneo once a day, and mends what disagrees.",
    ),
    Setting(
        "BENEFITS_REFERENCE_PREFIX", "text", "shop", "What our references at Omneo begin with; tells your shops apart."
    ),
)


_SHORTEST_SECRET = 8
_MOST = 1_000_000  # minutes, that is nearly two years; far more, and there is no date to count to


class Secret:
    """A text that does not show itself in logs, errors or debuggers."""

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one app, checked."""

    base_url: str
    token: Secret
    dialect: str
    identity_handle: str
    timezone: str
    dates: str
    webhook_secret: Secret
    database_url: str
    policies: Mapping[str, Any]
    policies_path: Path | None
    hold_minutes: int
    order_grace_minutes: int
    settle_seconds: int
    form_minutes: int
    cache_seconds: int
    cache_stale_minutes: int
    cache_megabytes: int
    cache_url: str
    page_budget_ms: int
    waiting_threads: int
    login_url: str
    checkout_url: str
    order_url: str
    base_template: str
    locale: str
    worker: str
    worker_seconds: int
    reconcile: str
    reference_prefix: str


def read_settings(config: Mapping[str, Any], *, instance_path: str, root_path: str) -> Settings:
    """Check an app's configuration. Raises `SettingsError` with the key and the remedy."""
    reader = _Reader(config)
    policies_path, policies = _policies(reader.text("BENEFITS_POLICIES"), Path(root_path))
    return Settings(
        base_url=_base_url(reader),
        token=Secret(_token(reader)),
        dialect=reader.one_of("OMNEO_DIALECT", "auto", "guide", "reference"),
        identity_handle=reader.needed_text("OMNEO_IDENTITY_HANDLE"),
        timezone=reader.checked(
            "OMNEO_TIMEZONE", ZoneInfo, "is no time zone.", "Use an IANA name such as Europe/Paris."
        ),
        dates=reader.one_of("OMNEO_DATES", "utc", "echo"),
        webhook_secret=Secret(_webhook_secret(reader)),
        database_url=_database_url(config, Path(instance_path)),
        policies=policies,
        policies_path=policies_path,
        hold_minutes=reader.count("BENEFITS_HOLD_MINUTES"),
        order_grace_minutes=reader.count("BENEFITS_ORDER_GRACE_MINUTES"),
        settle_seconds=reader.count("BENEFITS_SETTLE_SECONDS"),
        form_minutes=reader.count("BENEFITS_FORM_MINUTES"),
        cache_seconds=reader.count("BENEFITS_CACHE_SECONDS", least=0),
        cache_stale_minutes=reader.count("BENEFITS_CACHE_STALE_MINUTES"),
        cache_megabytes=reader.count("BENEFITS_CACHE_MEGABYTES"),
        cache_url=_cache_url(reader),
        page_budget_ms=reader.count("BENEFITS_PAGE_BUDGET_MS"),
        waiting_threads=reader.count("BENEFITS_WAITING_THREADS"),
        login_url=reader.path("BENEFITS_LOGIN_URL"),
        checkout_url=reader.path("BENEFITS_CHECKOUT_URL"),
        order_url=reader.order_path("BENEFITS_ORDER_URL"),
        base_template=reader.needed_text("BENEFITS_BASE_TEMPLATE"),
        locale=reader.checked("BENEFITS_LOCALE", _locale, "is no locale.", "Use a name such as en_AU or de."),
        worker=reader.one_of("BENEFITS_WORKER", "embedded", "celery", "off"),
        worker_seconds=reader.count("BENEFITS_WORKER_SECONDS"),
        reconcile=reader.one_of("BENEFITS_RECONCILE", "report", "repair", "off"),
        reference_prefix=reader.checked(
            "BENEFITS_REFERENCE_PREFIX", _prefix, "is no prefix.", "Use up to 20 letters, digits and dashes."
        ),
    )


_HIDDEN = frozenset({"OMNEO_TOKEN", "OMNEO_WEBHOOK_SECRET", "BENEFITS_CACHE_URL"})


class _Reader:
    """Reads single keys; every complaint names the key and the remedy."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._config = config
        self._table = {setting.key: setting for setting in TABLE}
        for key in config:
            if key.startswith(("OMNEO_", "BENEFITS_")) and key not in self._table:
                raise SettingsError(key, "is not a known setting.", f"Known: {', '.join(self._table)}.")

    def text(self, key: str) -> str:
        value = self._config.get(key, self._table[key].default)
        if value is None:
            return ""
        if isinstance(value, Path | int) and not isinstance(value, bool):
            return str(value)  # from_prefixed_env() reads an all-digit text as a number
        if not isinstance(value, str):
            shown = "Its value" if key in _HIDDEN else repr(value)  # a token is quoted nowhere
            raise SettingsError(key, f"{shown} is no text.", "Write it in quotes.")
        return value.strip()

    def needed_text(self, key: str) -> str:
        if text := self.text(key):
            return text
        raise SettingsError(key, "is empty.", f"Leave it out for the default, {self._table[key].default!r}, or set it.")

    def one_of(self, key: str, *choices: str) -> str:
        if (value := self.text(key)) in choices:
            return value
        raise SettingsError(key, f"{value!r} is not known.", f"Use one of {', '.join(choices)}.")

    def count(self, key: str, least: int = 1) -> int:
        value = self._config.get(key, self._table[key].default)
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError):
            number = -1
        is_whole = not isinstance(value, bool) and (not isinstance(value, float) or value == number)
        if not is_whole or not least <= number <= _MOST:
            problem = f"{value!r} is no whole number from {least} to {_MOST}."
            raise SettingsError(key, problem, "Write a number such as 30.")
        return number

    def path(self, key: str) -> str:
        value = self.needed_text(key)
        if not value.startswith("/") or value.startswith("//"):
            raise SettingsError(key, f"{value!r} is no path of this shop.", "Write a path that begins with one slash.")
        return value

    def order_path(self, key: str) -> str:
        if not self.text(key):
            return ""
        value = self.path(key)
        if "{order_number}" not in value:
            raise SettingsError(key, f"{value!r} has no place for the number.", "Write /orders/{order_number}.")
        return value

    def checked(self, key: str, check: Callable[[str], object], problem: str, remedy: str) -> str:
        value = self.needed_text(key)
        try:
            check(value)
        except (ValueError, LookupError, OSError):
            raise SettingsError(key, f"{value!r} {problem}", remedy) from None
        return value


def _base_url(reader: _Reader) -> str:
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
    if parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise SettingsError("OMNEO_BASE_URL", "would send the token in the clear.", "Use https:// for this address.")
    return url.rstrip("/")


def _address(url: str) -> SplitResult | None:
    """The address in parts; None where it holds more than host, port and path, or cannot be read."""
    try:
        parts = urlsplit(url)
        is_readable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return None
    is_plain = not (parts.username or parts.query or parts.fragment or re.search(r"\s", url))
    return parts if is_readable and is_plain else None


def _token(reader: _Reader) -> str:
    if token := reader.text("OMNEO_TOKEN"):
        if not token.isascii() or not token.isprintable() or " " in token:
            raise SettingsError("OMNEO_TOKEN", "holds characters that no token has.", "Copy it again, without spaces.")
        return token
    raise SettingsError("OMNEO_TOKEN", "is not set.", "Make an API token in Omneo's CX Manager and set it here.")


def _webhook_secret(reader: _Reader) -> str:
    secret = reader.text("OMNEO_WEBHOOK_SECRET")
    if secret and len(secret) < _SHORTEST_SECRET:
        problem = f"is shorter than {_SHORTEST_SECRET} characters, so it could be guessed."
        raise SettingsError("OMNEO_WEBHOOK_SECRET", problem, "Use a longer one, here and in Omneo.")
    return secret


def _cache_url(reader: _Reader) -> str:
    url = reader.text("BENEFITS_CACHE_URL")
    if url and not url.startswith(("redis://", "rediss://", "unix://", "valkey://", "valkeys://")):
        problem = "is no address of a Valkey or Redis."  # not quoted, because it may hold a password
        raise SettingsError("BENEFITS_CACHE_URL", problem, "Write redis://host:6379/0.")
    return url.replace("valkey", "redis", 1) if url.startswith("valkey") else url


def _database_url(config: Mapping[str, Any], instance_path: Path) -> str:
    """The shop's own database where it is known: submit() joins the shop's database transaction."""
    if own := config.get("BENEFITS_DATABASE_URL"):
        return _in_instance_folder(_on_disk(_rendered(own)), instance_path)
    engines = config.get("SQLALCHEMY_ENGINES")
    theirs = engines.get("default") if isinstance(engines, Mapping) else None
    theirs = theirs or config.get("SQLALCHEMY_DATABASE_URI")
    if isinstance(theirs, Mapping):
        theirs = theirs.get("url")
    return _in_instance_folder(_on_disk(_rendered(theirs or "sqlite:///benefits.sqlite3")), instance_path)


def _rendered(url: Any) -> str:
    if isinstance(url, Mapping):
        from sqlalchemy import URL  # only where a shop gives its address in parts

        url = URL.create(**url)
    render = getattr(url, "render_as_string", None)  # SQLAlchemy's own URL hides the password in str()
    return str(render(hide_password=False) if render else url).strip()


def _on_disk(url: str) -> str:
    _, is_sqlite, path = url.partition(_sqlite(url))
    if is_sqlite and (path in ("//", "///") or ":memory:" in path or "mode=memory" in path):
        problem = "is a database in memory, which forgets holds and redemptions."
        raise SettingsError("BENEFITS_DATABASE_URL", problem, "Use a file, such as sqlite:///shop.sqlite3.")
    return url


def _in_instance_folder(url: str, instance_path: Path) -> str:
    """Flask-SQLAlchemy reads relative SQLite paths from the instance folder; so do we, to meet the same file."""
    prefix = f"{_sqlite(url)}///"
    path = url.removeprefix(prefix)
    if not url.startswith(prefix) or path.startswith(("/", ":", "file:")) or not path:
        return url
    try:
        instance_path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        problem = f"stands in {instance_path}, which cannot be made: {error.strerror}."
        raise SettingsError("BENEFITS_DATABASE_URL", problem, "Write the whole path, or make the folder.") from error
    return f"{prefix}{instance_path / path}"


def _sqlite(url: str) -> str:
    """How an SQLite address begins, with or without its driver."""
    return "sqlite+pysqlite:" if url.startswith("sqlite+pysqlite:") else "sqlite:"


def _policies(text: str, root: Path) -> tuple[Path | None, Mapping[str, Any]]:
    if not text:
        return None, {}
    import tomllib

    path = root / text
    try:
        return path, tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            "BENEFITS_POLICIES", f"{path} cannot be read: {error.strerror}.", "Correct the path."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError("BENEFITS_POLICIES", f"{path} is no TOML: {error}.", "Mend that line.") from error


def _locale(name: str) -> None:
    if name == "en":
        return
    from babel import Locale, UnknownLocaleError  # babel takes a while to import: only where it is needed

    try:
        Locale.parse(name.replace("-", "_"))
    except UnknownLocaleError as error:
        raise ValueError(name) from error


def _prefix(text: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,20}", text):
        raise ValueError(text)
