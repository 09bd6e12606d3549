"""What the README says is true: its code runs, its table is the settings, its commands exist."""

from __future__ import annotations

import re
import sys
import types
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import create_autospec

import pytest
from celery import Celery
from flask import Flask

from claimable_benefits import ClaimableBenefits
from claimable_benefits.cli.group import commands
from claimable_benefits.domain.policy import read_policies
from claimable_benefits.settings.table import TABLE

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def my_shop(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What the README calls the merchant's own module."""
    item = SimpleNamespace(sku="shirt", name="Linen shirt", quantity=1, price=Decimal("99.99"), tags=frozenset())
    shop: Any = types.ModuleType("my_shop")
    shop.session = {"customer_id": "1001", "cart_id": "c1"}
    shop.carts = {"c1": SimpleNamespace(id="c1", items=[item], shipping=Decimal("9.95"))}
    shop.orders = {"7": SimpleNamespace(state="cancelled", transaction=lambda: None)}
    monkeypatch.setitem(sys.modules, "my_shop", shop)
    return shop


def test_the_mount_example_runs(my_shop: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mount, loaders, *_ = blocks("python")
    own: dict[str, Any] = {}
    exec(loaders, own)  # noqa: S102 - our own README
    for name in ("current_shopper", "current_cart", "find_order"):
        setattr(my_shop, name, own[name])
    for key, value in {
        "SECRET_KEY": "readme",
        "OMNEO_BASE_URL": "http://127.0.0.1:9/api/v3",
        "OMNEO_TOKEN": "t",
        "BENEFITS_DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite3'}",
        "BENEFITS_WORKER": "off",
    }.items():
        monkeypatch.setenv(f"FLASK_{key}", value)
    example: dict[str, Any] = {"__name__": "my_app"}
    exec(mount, example)  # noqa: S102 - our own README

    app = example["create_app"]()
    with app.test_client() as client:
        page = client.get("/account/benefits")
    with app.test_request_context():
        applied = example["benefits"].applied()
    app.extensions["claimable_benefits"].close()

    assert page.status_code == 503  # nothing listens there: the page says so, and stands
    assert "Your benefits" in page.text
    assert applied is None
    assert own["find_order"]("7").state == "cancelled"


def test_the_mount_example_is_at_most_fifteen_lines() -> None:
    mount = blocks("python")[0]

    assert len([line for line in mount.splitlines() if line.strip()]) <= 15


def test_the_place_order_example_is_the_api(my_shop: Any) -> None:
    example: dict[str, Any] = {}
    exec(blocks("python")[2], example)  # noqa: S102 - our own README
    told: list[str] = []

    class Benefits:
        def redeeming(self, number: str) -> Benefits:
            told.append(f"redeem {number}")
            return self

        def __enter__(self) -> None:
            pass

        def __exit__(self, *_: object) -> None:
            told.append("block ended")

        def submit(self, transaction: str, *, session: object) -> None:
            told.append(f"submit {transaction}" if session is db.session else "another session")

    gateway = SimpleNamespace(authorise=lambda *_: SimpleNamespace(capture=lambda: told.append("capture")))
    order = SimpleNamespace(number="7", total=Decimal(1), transaction=lambda: "sale", state="open")
    db = SimpleNamespace(session=SimpleNamespace(commit=lambda: told.append("commit")))

    example["place_order"](Benefits(), gateway, order, "card", db)

    assert told == ["commit", "redeem 7", "capture", "block ended", "submit sale", "commit"]


@pytest.mark.parametrize("part", [False, True])
def test_the_refund_example_is_the_api(part: bool) -> None:
    example: dict[str, Any] = {}
    exec(blocks("python")[3], example)  # noqa: S102 - our own README
    told: list[object] = []
    db = SimpleNamespace(session=SimpleNamespace(commit=lambda: told.append("commit")))
    order = SimpleNamespace(number="7", transaction=lambda: "what is left")
    benefits = create_autospec(ClaimableBenefits, instance=True)
    benefits.refund.side_effect = lambda *_, **given: told.append(given)

    example["refund"](benefits, order, db, part)

    left = "what is left" if part else None
    assert told == [{"full_refund": not part, "transaction": left, "session": db.session}, "commit"]


def test_the_celery_example_adds_both_tasks(tmp_path: Path) -> None:
    app = Flask("shop")
    app.config.update(
        SECRET_KEY="readme",
        OMNEO_BASE_URL="http://127.0.0.1:9/api/v3",
        OMNEO_TOKEN="t",
        BENEFITS_DATABASE_URL=f"sqlite:///{tmp_path / 'shop.sqlite3'}",
        BENEFITS_WORKER="celery",
    )
    ClaimableBenefits().init_app(app)
    example: dict[str, Any] = {}
    exec(blocks("python")[4], example)  # noqa: S102 - our own README

    celery_app = example["make_celery"](Celery(broker="memory://"), app)
    app.extensions["claimable_benefits"].close()

    assert {"benefits.work", "benefits.deliver"} <= set(celery_app.tasks)


def test_the_policy_example_is_read() -> None:
    import tomllib

    policies = read_policies(tomllib.loads(blocks("toml")[0]))

    assert policies["first-spend"].size == Decimal(10)


def test_the_settings_table_is_the_codes() -> None:
    expected = [
        f"| `{s.key}` | {s.kind} | {'' if s.default in (None, '') else f'`{s.default}`'} | {s.sentence} |"
        for s in TABLE
    ]

    rows = [line for line in README.splitlines() if re.match(r"\| `(OMNEO|BENEFITS)_", line)]

    assert rows == expected


def test_every_command_that_is_named_exists() -> None:
    named = set(re.findall(r"flask benefits (\w+)", README))

    assert named - set(commands.commands) == set()


def test_every_link_within_the_repository_leads_somewhere() -> None:
    paths = [target for target in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in target]

    assert [path for path in paths if not (ROOT / path).exists()] == []
