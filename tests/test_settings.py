"""Every setting: its default, what it takes, and the error where it is wrong."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import make_url

from claimable_benefits import ClaimableBenefits, SettingsError
from claimable_benefits.settings import Secret, Settings, read_settings
from claimable_benefits.settings.table import TABLE

TOKEN = "tok-5ecret-0815"
NEEDED: dict[str, Any] = {"OMNEO_TENANT": "acme", "OMNEO_TOKEN": TOKEN, "TESTING": True}
POLICY = '[gift]\ndiscount = "percent"\nsize = 10\nused_at = "checkout"\n'


@dataclass(frozen=True)
class Row:
    """One setting: where it is read to, its default, good values with what they mean, bad ones with the remedy."""

    attribute: str
    default: object
    good: tuple[tuple[object, object], ...]
    bad: tuple[tuple[object, str], ...]


def minutes(attribute: str, default: int) -> Row:
    numbers = ((1, 1), (45, 45), ("45", 45), (" 45 ", 45), (45.0, 45), (1_000_000, 1_000_000))
    wrong: tuple[object, ...] = (
        *(0, -5, "", "soon", "1.5", 1.5, None, True, [30], {}),
        *(float("inf"), float("nan"), "Infinity", 1_000_001, 10**30),
    )
    return Row(attribute, default, numbers, tuple((value, "Write a number such as 30") for value in wrong))


def page(attribute: str, default: str) -> Row:
    wrong = ("//elsewhere.example", "a page", "ftp://elsewhere.example/login", "javascript:login()", 7)
    good = ("login", "shop.login", "https://elsewhere.example/login?a=b")
    return Row(
        attribute,
        default,
        (("/a/b?c=d", "/a/b?c=d"), (" /x ", "/x"), *((text, text) for text in good)),
        tuple((value, "begins with one slash") for value in wrong),
    )


API = "https://api.acme.getomneo.com/api/v3"
ADDRESS = "Write https://"
CHOICE = "Use one of"
TEXT: tuple[tuple[object, str], ...] = (
    ([], "in quotes"),
    ({"a": 1}, "in quotes"),
    (True, "in quotes"),
    (1.5, "in quotes"),
)
ROWS: dict[str, Row] = {
    "OMNEO_TENANT": Row(
        "base_url",
        API,
        (("globex-2", "https://api.globex-2.getomneo.com/api/v3"), (4711, "https://api.4711.getomneo.com/api/v3")),
        (
            ("", "Set it to your tenant's name"),
            (None, "or set OMNEO_BASE_URL"),
            ("acme.getomneo.com", "Write the name alone, such as acme."),
            ("https://acme", "Write the name alone"),
            ("evil.example/#", "Write the name alone"),
            ("acme ltd", "Write the name alone"),
            *TEXT,
        ),
    ),
    "OMNEO_BASE_URL": Row(
        "base_url",
        API,
        (
            ("https://omneo.example/api/v3/", "https://omneo.example/api/v3"),
            ("http://127.0.0.1:5001/api/v3", "http://127.0.0.1:5001/api/v3"),
            ("http://localhost:5001/api/v3", "http://localhost:5001/api/v3"),
            ("http://[::1]:5001/api/v3", "http://[::1]:5001/api/v3"),
        ),
        (
            ("omneo.example/api/v3", ADDRESS),
            ("ftp://omneo.example/api/v3", ADDRESS),
            ("https://", ADDRESS),
            ("https://[::1/api/v3", ADDRESS),
            ("https://omneo.example:99999/api/v3", ADDRESS),
            ("https://omneo.example:port/api/v3", ADDRESS),
            ("https://omneo .example/api/v3", ADDRESS),
            ("https://anna:pw@omneo.example/api/v3", ADDRESS),
            ("https://omneo.example/api/v3?key=1", ADDRESS),
            ("https://omneo.example/api/v3#top", ADDRESS),
            ("http://omneo.example/api/v3", "Use https://"),
            ("http://127.0.0.1.omneo.example/api/v3", "Use https://"),
            ("http://localhost@omneo.example/api/v3", ADDRESS),
            ("http://10.0.0.1/api/v3", "Use https://"),
            *TEXT,
        ),
    ),
    "OMNEO_TOKEN": Row(
        "token",
        TOKEN,
        (("abc.def-ghi_jkl=", "abc.def-ghi_jkl="), (" abc\n", "abc"), (12345, "12345")),
        (
            ("", "Make an API token in Omneo's CX Manager"),
            (None, "Make an API token"),
            ("   ", "Make an API token"),
            ("two words", "Copy it again, without spaces and quotes."),
            ('"abc"', "Write it without the quotes."),
            ("'abc'", "Write it without the quotes."),
            ("\N{LEFT DOUBLE QUOTATION MARK}abc\N{RIGHT DOUBLE QUOTATION MARK}", "Write it without the quotes."),
            ('"abc', "without spaces and quotes"),
            ("Bearer abc", "Write the token alone"),
            ("bearer  abc", "Write the token alone"),
            ("töken", "Copy it again"),
            ("line\nbreak", "Copy it again"),
            *TEXT,
        ),
    ),
    "OMNEO_PROXY": Row(
        "proxy",
        "environment",
        (
            ("off", "off"),
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            ("https://anna:pw@proxy.example", "https://anna:pw@proxy.example"),
        ),
        (
            ("proxy.example:3128", "Write http://host:port"),
            ("ftp://proxy.example", "Write http://host:port"),
            ("http://[::1", "or environment, or off"),
            ("http://proxy.example:port", "or environment, or off"),
            ("http://", "or environment, or off"),
            ("socks5://proxy.example:1080", "or environment, or off"),
            ("", "Leave it out"),
            *TEXT,
        ),
    ),
    "OMNEO_DIALECT": Row(
        "dialect", "auto", (("guide", "guide"), ("reference", "reference")), (("Guide", CHOICE), ("v3", CHOICE), *TEXT)
    ),
    "OMNEO_IDENTITY_HANDLE": Row(
        "identity_handle", "ecommerce", (("shopify", "shopify"), (7, "7")), (("", "default, 'ecommerce'"), *TEXT)
    ),
    "OMNEO_TIMEZONE": Row(
        "timezone",
        "UTC",
        (("Australia/Melbourne", "Australia/Melbourne"), ("Etc/GMT+5", "Etc/GMT+5")),
        (
            ("Mars/Olympus", "IANA name such as Europe/Paris"),
            ("+10:00", "IANA name"),
            ("America", "IANA name"),
            ("../UTC", "IANA name"),
            ("", "Leave it out"),
            *TEXT,
        ),
    ),
    "OMNEO_DATES": Row("dates", "utc", (("echo", "echo"),), (("local", CHOICE), ("", CHOICE), *TEXT)),
    "OMNEO_WEBHOOK_SECRET": Row(
        "webhook_secret",
        "",
        (("a long secret", "a long secret"), (12345678, "12345678"), (None, "")),
        (("short", "Use a longer one"), *TEXT),
    ),
    "BENEFITS_DATABASE_URL": Row(
        "database_url",
        "sqlite:///INSTANCE/benefits.sqlite3",
        (
            ("sqlite:///shop.sqlite3", "sqlite:///INSTANCE/shop.sqlite3"),
            ("sqlite+pysqlite:///shop.sqlite3", "sqlite+pysqlite:///INSTANCE/shop.sqlite3"),
            ("sqlite:////srv/shop.sqlite3", "sqlite:////srv/shop.sqlite3"),
            ("postgresql://anna:pw@db/shop", "postgresql://anna:pw@db/shop"),
            (make_url("postgresql://anna:pw@db/shop"), "postgresql://anna:pw@db/shop"),
        ),
        (
            ("sqlite://", "Use a file"),
            ("sqlite:///", "Use a file"),
            ("sqlite:///:memory:", "Use a file"),
            ("sqlite+pysqlite:///:memory:", "Use a file"),
            ("sqlite+pysqlite://", "Use a file"),
            ("sqlite:///file::memory:?cache=shared&uri=true", "Use a file"),
            ("sqlite:///file:shop?mode=memory&uri=true", "Use a file"),
        ),
    ),
    "BENEFITS_POLICIES": Row(
        "policies_path",
        None,
        (("policies.toml", "ROOT/policies.toml"), ("", None)),
        (
            ("missing.toml", "Correct the path."),
            (".", "Correct the path."),
            ("broken.toml", "Mend that line."),
            ("latin.toml", "Mend that line."),
            *TEXT,
        ),
    ),
    "BENEFITS_HOLD_MINUTES": minutes("hold_minutes", 30),
    "BENEFITS_ORDER_GRACE_MINUTES": minutes("order_grace_minutes", 8),
    "BENEFITS_RESOLVE_SECONDS": minutes("resolve_seconds", 90),
    "BENEFITS_FORM_MINUTES": minutes("form_minutes", 120),
    "BENEFITS_CACHE_SECONDS": Row(
        "cache_seconds",
        60,
        ((0, 0), ("0", 0), (45, 45), ("45", 45)),
        tuple((value, "Write a number such as 30") for value in (-1, "", "soon", 1.5, None, True, 1_000_001)),
    ),
    "BENEFITS_CACHE_STALE_MINUTES": minutes("cache_stale_minutes", 60),
    "BENEFITS_CACHE_MEGABYTES": minutes("cache_megabytes", 16),
    "BENEFITS_CACHE_URL": Row(
        "cache_url",
        "",
        (
            (None, ""),
            ("redis://localhost:6379/0", "redis://localhost:6379/0"),
            ("valkeys://cache.example", "rediss://cache.example"),
        ),
        (("localhost:6379", "Write redis://"), ("http://localhost", "Write redis://"), *TEXT),
    ),
    "BENEFITS_PAGE_BUDGET_MS": minutes("page_budget_ms", 400),
    "BENEFITS_WAITING_THREADS": minutes("waiting_threads", 4),
    "BENEFITS_LOGIN_URL": page("login_url", "/login"),
    "BENEFITS_CHECKOUT_URL": page("checkout_url", "/checkout"),
    "BENEFITS_ORDER_URL": Row(
        "order_url",
        "",
        (
            ("/orders/{order_number}", "/orders/{order_number}"),
            ("shop.order", "shop.order"),
            ("https://shop.example/orders/{order_number}", "https://shop.example/orders/{order_number}"),
            ("", ""),
        ),
        (
            ("/orders", "Write /orders/{order_number}."),
            ("https://shop.example/orders", "Write /orders/{order_number}."),
            ("orders/{order_number}", "begins with one slash"),
            *TEXT,
        ),
    ),
    "BENEFITS_BASE_TEMPLATE": Row(
        "base_template",
        "claimable_benefits/base.html",
        (("shop/base.html", "shop/base.html"),),
        (("", "Leave it out"),),
    ),
    "BENEFITS_NAIVE_TIMEZONE": Row(
        "naive_timezone",
        "UTC",
        (("Australia/Melbourne", "Australia/Melbourne"), ("Etc/GMT+5", "Etc/GMT+5")),
        (
            ("Mars/Olympus", "IANA name such as Europe/Paris"),
            ("+10:00", "IANA name"),
            ("", "Leave it out"),
        ),
    ),
    "BENEFITS_LOCALE": Row(
        "locale",
        "en",
        (("en_AU", "en_AU"), ("de", "de"), ("pt-BR", "pt-BR")),
        (
            ("klingon", "such as en_AU or de"),
            ("xx_XX", "such as en_AU"),
            ("en AU", "such as en_AU"),
            ("", "Leave it out"),
        ),
    ),
    "BENEFITS_WORKER": Row("worker", "embedded", (("off", "off"), ("celery", "celery")), (("on", CHOICE), *TEXT)),
    "BENEFITS_WORKER_SECONDS": minutes("worker_seconds", 1),
    "BENEFITS_RECONCILE": Row(
        "reconcile", "report", (("off", "off"), ("repair", "repair")), (("daily", CHOICE), ("", CHOICE), *TEXT)
    ),
    "BENEFITS_KEEP_DAYS": Row(
        "keep_days",
        None,
        ((90, 90), ("400", 400), ("", None), (None, None)),
        ((89, "such as 90"), ("ninety", "such as 90"), (0, "such as 90"), (-1, "such as 90")),
    ),
    "BENEFITS_REFERENCE_PREFIX": Row(
        "reference_prefix",
        "shop",
        (("au-2", "au-2"), (42, "42"), ("x" * 20, "x" * 20)),
        (("my shop", "up to 20 letters"), ("x" * 21, "up to 20 letters"), ("shöp", "up to 20"), ("", "Leave it out")),
    ),
    "BENEFITS_ORDER_PREFIX": Row(
        "order_prefix",
        "",
        (("", ""), ("b-", "b-"), (42, "42"), ("x" * 20, "x" * 20)),
        (("my shop", "up to 20 letters"), ("x" * 21, "up to 20 letters"), ("b/", "up to 20")),
    ),
}

Read = Callable[..., Settings]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads settings in folders of their own."""
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "policies.toml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "root" / "broken.toml").write_text("[gift]\ndiscount = \n", encoding="utf-8")
    (tmp_path / "root" / "latin.toml").write_bytes(b'[gift]\nname = "caf\xe9"\n')

    def reading(**config: Any) -> Settings:
        return read_settings(
            NEEDED | config, instance_path=str(tmp_path / "instance"), root_path=str(tmp_path / "root")
        )

    return reading


def value(settings: Settings, row: Row, tmp_path: Path) -> object:
    found = getattr(settings, row.attribute)
    if isinstance(found, Secret):
        return found.reveal()
    if isinstance(found, str | Path):
        return str(found).replace(str(tmp_path / "instance"), "INSTANCE").replace(str(tmp_path / "root"), "ROOT")
    return found


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(key, *case, id=f"{key}={case[0]!r}"[:60])
        for key, row in ROWS.items()
        for case in getattr(row, kind)
    ]


def refusal(read: Read, **config: Any) -> SettingsError:
    with pytest.raises(SettingsError) as refused:
        read(**config)
    return refused.value


def message_of(error: BaseException) -> str:
    """Everything that an error page, a log or a debugger might show of an error."""
    lines = traceback.format_exception(error)
    chain = [error, error.__cause__, error.__context__]
    return " ".join([*lines, *(f"{one!r} {one} {vars(one)}" for one in chain if one is not None)])


def test_every_row_of_the_table_is_tested_here() -> None:
    assert [setting.key for setting in TABLE] == list(ROWS)


def test_every_setting_is_read_to_a_field_and_every_field_comes_from_a_setting() -> None:
    read_to = {row.attribute for row in ROWS.values()} | {"policies"}

    assert {field.name for field in fields(Settings)} == read_to


def test_every_row_says_what_it_is_for_in_a_sentence() -> None:
    assert [s.key for s in TABLE if not (s.kind and s.sentence[0].isupper() and s.sentence.endswith("."))] == []


@pytest.mark.parametrize("key", ROWS)
def test_what_holds_without_a_setting(read: Read, tmp_path: Path, key: str) -> None:
    assert ROWS[key].default == value(read(), ROWS[key], tmp_path)


@pytest.mark.parametrize("setting", [s for s in TABLE if s.default is not None], ids=lambda s: str(s.key))
def test_the_tables_default_is_the_one_that_holds(setting: Any) -> None:
    assert setting.default == ROWS[setting.key].default


@pytest.mark.parametrize(("key", "given", "meaning"), cases("good"))
def test_a_good_value_is_taken(read: Read, tmp_path: Path, key: str, given: object, meaning: object) -> None:
    assert meaning == value(read(**{key: given}), ROWS[key], tmp_path)


@pytest.mark.parametrize(("key", "given", "remedy"), cases("bad"))
def test_a_bad_value_names_its_key_and_the_remedy(read: Read, key: str, given: object, remedy: str) -> None:
    error = refusal(read, **{key: given})

    assert error.key == key
    assert remedy in error.remedy
    assert str(error) == f"{error.key}: {error.problem} {error.remedy}"
    assert error.problem.endswith(".")


@pytest.mark.parametrize(
    "key", ["OMNEO_TOKENS", "OMNEO_", "BENEFITS_HOLD_MINUTE", "BENEFITS_hold_minutes", "OMNEO_TENANT_"]
)
def test_an_unknown_key_is_refused_with_the_known_ones(read: Read, key: str) -> None:
    error = refusal(read, **{key: TOKEN})

    assert error.key == key
    assert "OMNEO_TOKEN, OMNEO_PROXY" in error.remedy
    assert TOKEN not in message_of(error)


def test_a_key_of_somebody_elses_is_ignored(read: Read) -> None:
    assert read(SQLALCHEMY_ECHO=True, OMNEON="x", BENEFIT_SHOP="y", benefits_worker="z").worker == "embedded"


# The token.


def test_the_token_shows_itself_nowhere(read: Read) -> None:
    settings = read()

    shown = f"{settings} {settings!r} {settings.token} {settings.token!r} {vars(settings.token).keys()}"
    assert TOKEN not in shown
    assert settings.token.reveal() == TOKEN


@pytest.mark.parametrize(("key", "given", "remedy"), [c for c in cases("bad") if c.values[0] != "OMNEO_TOKEN"])
def test_no_complaint_about_another_setting_holds_the_token(read: Read, key: str, given: object, remedy: str) -> None:
    assert TOKEN not in message_of(refusal(read, **{key: given}))


@pytest.mark.parametrize("token", ["5ecret 0815", "5ecret\x00", ["5ecret"], {"5ecret": 1}, 5.0815e17, "5ecrét"])
def test_no_complaint_about_the_token_quotes_it(read: Read, token: object) -> None:
    shown = message_of(refusal(read, OMNEO_TOKEN=token)).replace("test_settings.py", "")

    assert "5ecr" not in shown
    assert "5.0815e+17" not in shown
    assert "508150000000000000" not in shown


QUOTED = [row.key for row in TABLE if "whole number" not in row.kind]


@pytest.mark.parametrize("key", QUOTED)
@pytest.mark.parametrize("mark", ['"', "'"])
def test_a_value_in_the_quotes_of_an_env_file_is_refused(read: Read, key: str, mark: str) -> None:
    error = refusal(read, **{key: f"{mark}a-value-of-5ecret{mark}"})

    assert (error.key, error.problem) == (key, "stands in quotes, which are a part of it.")
    assert "5ecret" not in f"{error} {vars(error)}"


def test_a_password_of_a_proxy_is_not_quoted(read: Read) -> None:
    error = refusal(read, OMNEO_PROXY="ftp://anna:pa55@proxy.example")

    assert "pa55" not in f"{error} {vars(error)}"
    assert "pa55" not in repr(read(OMNEO_PROXY="http://anna:pa55@proxy.example"))


def test_a_password_in_the_address_is_not_quoted(read: Read) -> None:
    error = refusal(read, OMNEO_BASE_URL="https://anna:pa55@omneo.example/api/v3")

    assert "pa55" not in f"{error} {vars(error)}"
    assert "omneo.example" in error.problem


# The database.


def test_flask_sqlalchemys_database_is_ours(read: Read) -> None:
    settings = read(SQLALCHEMY_DATABASE_URI="postgresql://anna:pw@db/shop")

    assert settings.database_url == "postgresql://anna:pw@db/shop"


ENGINES: dict[str, object] = {
    "a text": "postgresql://anna:pw@db/shop",
    "an address": make_url("postgresql://anna:pw@db/shop"),
    "options": {"url": "postgresql://anna:pw@db/shop", "echo": True},
    "options with an address": {"url": make_url("postgresql://anna:pw@db/shop")},
    "options in parts": {
        "url": {"drivername": "postgresql", "username": "anna", "password": "pw", "host": "db", "database": "shop"}
    },
}


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_flask_sqlalchemy_lites_default_engine_is_ours(read: Read, engine: object) -> None:
    settings = read(SQLALCHEMY_ENGINES={"default": engine, "other": "sqlite:///other.sqlite3"})

    assert settings.database_url == "postgresql://anna:pw@db/shop"


def test_our_own_address_wins(read: Read) -> None:
    settings = read(BENEFITS_DATABASE_URL="sqlite:////srv/a", SQLALCHEMY_DATABASE_URI="sqlite:////srv/b")

    assert settings.database_url == "sqlite:////srv/a"


def test_a_shop_that_sells_without_a_database_is_refused_with_the_remedy(read: Read) -> None:
    error = refusal(read, TESTING=False)

    assert (error.key, error.problem.split(",")[0]) == ("BENEFITS_DATABASE_URL", "is not set")
    assert error.remedy == "Write the address of the database in which your orders are."


@pytest.mark.parametrize(
    "development", [{"TESTING": True}, {"DEBUG": True}, {"OMNEO_BASE_URL": "http://127.0.0.1:5001/api/v3"}]
)
def test_a_shop_in_development_gets_a_file_in_its_instance_folder(read: Read, development: dict[str, Any]) -> None:
    settings = read(**({"TESTING": False} | development))

    assert settings.database_url.endswith("/instance/benefits.sqlite3")


@pytest.mark.parametrize("key", ["BENEFITS_DATABASE_URL", "SQLALCHEMY_DATABASE_URI"])
def test_a_relative_address_within_an_address_begins_in_the_instance_folder_as_in_flask_sqlalchemy(
    read: Read, tmp_path: Path, key: str
) -> None:
    settings = read(**{key: "sqlite:///file:shop.sqlite3?uri=true"})

    assert settings.database_url == f"sqlite:///file:{tmp_path / 'instance' / 'shop.sqlite3'}?uri=true"


def test_the_shops_database_in_memory_is_refused_too(read: Read) -> None:
    error = refusal(read, SQLALCHEMY_ENGINES={"default": "sqlite://"})

    assert (error.key, "forgets holds and redemptions" in error.problem) == ("BENEFITS_DATABASE_URL", True)


def test_a_relative_path_makes_the_instance_folder(read: Read, tmp_path: Path) -> None:
    read(BENEFITS_DATABASE_URL="sqlite:///shop.sqlite3")

    assert (tmp_path / "instance").is_dir()


def test_an_instance_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "instance").write_text("a file is here", encoding="utf-8")

    with pytest.raises(SettingsError) as refused:
        read_settings(NEEDED, instance_path=str(tmp_path / "instance"), root_path=str(tmp_path))

    assert refused.value.key == "BENEFITS_DATABASE_URL"
    assert str(tmp_path / "instance") in refused.value.problem


# The policy file.


def test_the_policy_file_is_read_from_the_apps_folder(read: Read) -> None:
    settings = read(BENEFITS_POLICIES="policies.toml")

    assert settings.policies == {"gift": {"discount": "percent", "size": 10, "used_at": "checkout"}}


def test_the_policy_file_may_stand_anywhere(read: Read, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.toml"
    elsewhere.write_text(POLICY, encoding="utf-8")

    assert elsewhere == read(BENEFITS_POLICIES=elsewhere).policies_path


@pytest.mark.parametrize(("name", "said"), [("missing.toml", "No such file"), ("broken.toml", "line 2")])
def test_what_is_wrong_with_the_policy_file_is_said_with_its_path(read: Read, name: str, said: str) -> None:
    problem = refusal(read, BENEFITS_POLICIES=name).problem

    assert said in problem
    assert f"root/{name}" in problem


# Whole apps.


def an_app(tmp_path: Path, **config: Any) -> Flask:
    app = Flask("shop", instance_path=str(tmp_path / "instance"), root_path=str(tmp_path))
    app.config.from_mapping({"SECRET_KEY": "s", "BENEFITS_WORKER": "off"} | NEEDED | config)
    return app


def mount(app: Flask) -> Settings:
    """Mount the extension and let go of what it opened."""
    ClaimableBenefits().init_app(app)
    runtime = app.extensions["claimable_benefits"]
    runtime.context.omneo.close()
    runtime.context.ledger.close()
    settings = runtime.settings
    assert isinstance(settings, Settings)
    return settings


def test_an_app_without_a_secret_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"SECRET_KEY: is not set\. The forms are signed with it"):
        mount(an_app(tmp_path, SECRET_KEY=None))


BAD_POLICIES: dict[str, tuple[str, str, str]] = {
    "an unknown key": (POLICY + "sise = 5\n", "gift.sise is not a key of a policy.", "Known keys: discount"),
    "a bad value": (POLICY.replace("10", "110"), "gift.size 110 is no percentage.", "up to 100"),
    "no table": ("gift = 10\n", "gift is not a table.", "Write [gift]"),
}


@pytest.mark.parametrize(("text", "problem", "remedy"), BAD_POLICIES.values(), ids=BAD_POLICIES)
def test_a_policy_that_cannot_be_kept_stops_the_app(tmp_path: Path, text: str, problem: str, remedy: str) -> None:
    (tmp_path / "policies.toml").write_text(text, encoding="utf-8")

    with pytest.raises(SettingsError) as refused:
        mount(an_app(tmp_path, BENEFITS_POLICIES="policies.toml"))

    assert refused.value.key == "BENEFITS_POLICIES"
    assert refused.value.problem == f"{tmp_path / 'policies.toml'}, {problem}"
    assert remedy in refused.value.remedy


@pytest.mark.parametrize(
    "url", ["sqlite:////MISSING/shop.sqlite3", "no address", "oracle9://db/shop", "sqlite+nothing:///shop"]
)
def test_a_database_that_cannot_be_opened_stops_the_app(tmp_path: Path, url: str) -> None:
    url = url.replace("/MISSING", str(tmp_path / "missing"))

    with pytest.raises(SettingsError) as refused:
        mount(an_app(tmp_path, BENEFITS_DATABASE_URL=url))

    assert refused.value.key == "BENEFITS_DATABASE_URL"
    assert "cannot be used" in refused.value.problem
    assert refused.value.remedy == "Correct the address, or make the folder."
    assert TOKEN not in message_of(refused.value)


def test_nothing_that_an_app_holds_of_us_shows_the_token(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    mount(app)
    runtime = app.extensions["claimable_benefits"]

    shown = [repr(thing) for thing in (runtime, runtime.context, runtime.settings, runtime.context.omneo)]
    assert [text for text in shown if TOKEN in text] == []


ENVIRONMENT = {
    "FLASK_SECRET_KEY": "s",
    "FLASK_OMNEO_TENANT": "4711",
    "FLASK_OMNEO_TOKEN": "1234567890",
    "FLASK_OMNEO_IDENTITY_HANDLE": "shopify",
    "FLASK_OMNEO_TIMEZONE": "Australia/Melbourne",
    "FLASK_BENEFITS_HOLD_MINUTES": "45",
    "FLASK_BENEFITS_WORKER": "off",
    "FLASK_BENEFITS_ORDER_URL": "/orders/{order_number}",
    "FLASK_BENEFITS_REFERENCE_PREFIX": "7",
    "FLASK_SQLALCHEMY_ENGINES__default": "sqlite:///shop.sqlite3",
}


def test_the_environment_may_bring_every_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in ENVIRONMENT.items():
        monkeypatch.setenv(name, text)
    app = Flask("shop", instance_path=str(tmp_path / "instance"), root_path=str(tmp_path))
    app.config.from_prefixed_env()

    settings = mount(app)

    assert app.config["OMNEO_TENANT"] == 4711
    assert settings.base_url == "https://api.4711.getomneo.com/api/v3"
    assert settings.token.reveal() == "1234567890"
    assert (settings.hold_minutes, settings.worker, settings.reference_prefix) == (45, "off", "7")
    assert settings.database_url == f"sqlite:///{tmp_path / 'instance' / 'shop.sqlite3'}"


def test_the_times_are_what_the_verbs_go_by(tmp_path: Path) -> None:
    app = an_app(tmp_path, BENEFITS_HOLD_MINUTES=7, BENEFITS_ORDER_GRACE_MINUTES=3, BENEFITS_RESOLVE_SECONDS=11)
    mount(app)

    timing = app.extensions["claimable_benefits"].context.timing
    assert timedelta(minutes=7) == timing.hold
    assert timedelta(minutes=3) == timing.order_grace
    assert timedelta(seconds=11) == timing.trust_absence_after
