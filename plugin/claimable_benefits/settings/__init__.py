"""The settings of an app, checked: see `claimable_benefits.settings.table` for what each is for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError

from claimable_benefits.errors import SettingsError
from claimable_benefits.settings.addresses import base_url, cache_url, database_url, proxy
from claimable_benefits.settings.reader import SettingsReader

_SHORTEST_SECRET = 8


class Secret:
    """A text that logs, errors and debuggers do not show."""

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
    proxy: Secret
    token: Secret
    dialect: str
    identity_handle: str
    timezone: str
    dates: str
    naive_timezone: str
    webhook_secret: Secret
    database_url: str
    policies: Mapping[str, Any]
    policies_path: Path | None
    hold_minutes: int
    order_grace_minutes: int
    resolve_seconds: int
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
    keep_days: int | None
    reference_prefix: str
    order_prefix: str


def read_settings(config: Mapping[str, Any], *, instance_path: str, root_path: str) -> Settings:
    """Check an app's configuration. Raises `SettingsError` with the key and the remedy."""
    reader = SettingsReader(config)
    policies_path, policies = _policies(reader.text("BENEFITS_POLICIES"), Path(root_path))
    return Settings(
        base_url=base_url(reader),
        proxy=Secret(proxy(reader)),
        token=Secret(_token(reader)),
        dialect=reader.one_of("OMNEO_DIALECT", "auto", "guide", "reference"),
        identity_handle=reader.required_text("OMNEO_IDENTITY_HANDLE"),
        timezone=reader.checked(
            "OMNEO_TIMEZONE", ZoneInfo, "is no time zone.", "Use an IANA name such as Europe/Paris."
        ),
        dates=reader.one_of("OMNEO_DATES", "utc", "echo"),
        naive_timezone=reader.checked(
            "BENEFITS_NAIVE_TIMEZONE", ZoneInfo, "is no time zone.", "Use an IANA name such as Europe/Paris."
        ),
        webhook_secret=Secret(_webhook_secret(reader)),
        database_url=database_url(config, Path(instance_path)),
        policies=policies,
        policies_path=policies_path,
        hold_minutes=reader.count("BENEFITS_HOLD_MINUTES"),
        order_grace_minutes=reader.count("BENEFITS_ORDER_GRACE_MINUTES"),
        resolve_seconds=reader.count("BENEFITS_RESOLVE_SECONDS"),
        form_minutes=reader.count("BENEFITS_FORM_MINUTES"),
        cache_seconds=reader.count("BENEFITS_CACHE_SECONDS", least=0),
        cache_stale_minutes=reader.count("BENEFITS_CACHE_STALE_MINUTES"),
        cache_megabytes=reader.count("BENEFITS_CACHE_MEGABYTES"),
        cache_url=cache_url(reader),
        page_budget_ms=reader.count("BENEFITS_PAGE_BUDGET_MS"),
        waiting_threads=reader.count("BENEFITS_WAITING_THREADS"),
        login_url=reader.page("BENEFITS_LOGIN_URL"),
        checkout_url=reader.page("BENEFITS_CHECKOUT_URL"),
        order_url=reader.order_page("BENEFITS_ORDER_URL"),
        base_template=reader.required_text("BENEFITS_BASE_TEMPLATE"),
        locale=reader.checked("BENEFITS_LOCALE", _locale, "is no locale.", "Use a name such as en_AU or de."),
        worker=reader.one_of("BENEFITS_WORKER", "embedded", "celery", "off"),
        worker_seconds=reader.count("BENEFITS_WORKER_SECONDS"),
        reconcile=reader.one_of("BENEFITS_RECONCILE", "report", "repair", "off"),
        keep_days=reader.count("BENEFITS_KEEP_DAYS", least=90) if reader.text("BENEFITS_KEEP_DAYS") else None,
        reference_prefix=reader.checked(
            "BENEFITS_REFERENCE_PREFIX", _prefix, "is no prefix.", "Use up to 20 letters, digits and dashes."
        ),
        order_prefix=_order_prefix(reader),
    )


def _token(reader: SettingsReader) -> str:
    if token := reader.text("OMNEO_TOKEN"):
        if token.lower().startswith("bearer "):
            remedy = "Write the token alone; the extension adds the word."
            raise SettingsError("OMNEO_TOKEN", "begins with the word Bearer.", remedy)
        if not token.isascii() or not token.isprintable() or re.search(r"[\s\"']", token):
            remedy = "Copy it again, without spaces and quotes."
            raise SettingsError("OMNEO_TOKEN", "holds characters that no token has.", remedy)
        return token
    raise SettingsError("OMNEO_TOKEN", "is not set.", "Make an API token in Omneo's CX Manager and set it here.")


def _webhook_secret(reader: SettingsReader) -> str:
    secret = reader.text("OMNEO_WEBHOOK_SECRET")
    if secret and len(secret) < _SHORTEST_SECRET:
        problem = f"is shorter than {_SHORTEST_SECRET} characters, so it could be guessed."
        raise SettingsError("OMNEO_WEBHOOK_SECRET", problem, "Use a longer one, here and in Omneo.")
    return secret


def _policies(text: str, root: Path) -> tuple[Path | None, Mapping[str, Any]]:
    if not text:
        return None, {}
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
    try:
        Locale.parse(name.replace("-", "_"))
    except UnknownLocaleError as error:
        raise ValueError(name) from error


def _order_prefix(reader: SettingsReader) -> str:
    key = "BENEFITS_ORDER_PREFIX"
    if not reader.text(key):
        return ""
    return reader.checked(key, _prefix, "is no prefix.", "Use up to 20 letters, digits and dashes, such as b-.")


def _prefix(text: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9-]{1,20}", text):
        raise ValueError(text)
