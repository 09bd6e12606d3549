"""A shop's command line, and the Omneo behind it, over a socket."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result
from flask import Flask

from claimable_benefits import ClaimableBenefits
from claimable_benefits.runtime import Runtime
from claimable_benefits.sandbox import RunningSandbox, create_sandbox, serve_sandbox
from claimable_benefits.sandbox.state.request_state import sandbox

HAT_DAY = """
name = "Hat Day"
handle = "hat-day"
short_description = "Ten percent off hats."
period = 7
max_redemptions = 1
is_published = true
value = 7.50
tags = ["hats", "new-member"]
"""
# Nothing listens on the port for discarding what is sent to it.
NOBODY = "http://127.0.0.1:9/api/v3"


class Clock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> None:
        self.now += timedelta(**span)


class Unreachable(httpx.BaseTransport):
    """Omneo is down: the address stays the same, as it names the tenant whose rows these are."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("connection refused", request=request)


class LostAnswers(httpx.HTTPTransport):
    """Lets requests through, and loses the answers to those that end in ``path``."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if request.method == "POST" and request.url.path.endswith(self._path):
            response.close()
            raise httpx.ReadTimeout("lost", request=request)
        return response


@dataclass
class Terminal:
    """A shop's command line, and the Omneo behind it."""

    folder: Path
    omneo: RunningSandbox
    clock: Clock
    shops: list[Flask] = field(default_factory=list)

    def shop(
        self,
        *,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        has_loaders: bool = True,
        **config: Any,
    ) -> Flask:
        app = Flask("shop", instance_path=str(self.folder), root_path=str(self.folder))
        app.config.from_mapping(
            {
                "SECRET_KEY": "s",
                "OMNEO_BASE_URL": self.omneo.base_url,
                "OMNEO_TOKEN": self.omneo.token,
                "OMNEO_TIMEZONE": "Australia/Melbourne",
                "BENEFITS_WORKER": "off",
            }
            | config
        )
        benefits = ClaimableBenefits(clock=self.clock, sleep=sleep, transport=transport)
        if has_loaders:
            benefits.shopper_loader(lambda: None)
            benefits.cart_loader(lambda: None)
            benefits.order_loader(lambda _number: None)
        benefits.init_app(app)
        self.shops.append(app)
        return app

    def says(self, *args: str | Path, shop: Flask | None = None) -> str:
        """What a command prints that does what it was asked to."""
        result = self._run(args, shop)
        assert (result.exit_code, result.stderr) == (0, "")
        return result.stdout

    def refuses(self, *args: str | Path, shop: Flask | None = None) -> str:
        """The one line of a command that does not."""
        result = self._run(args, shop)
        assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
        assert result.stderr.startswith("Error: ")
        return result.stderr.removeprefix("Error: ").strip()

    def _run(self, args: tuple[str | Path, ...], shop: Flask | None) -> Result:
        app = shop or (self.shops[0] if self.shops else self.shop())
        return app.test_cli_runner().invoke(args=["benefits", *map(str, args)])

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def state(self) -> dict[str, Any]:
        state = self.omneo.app.test_client().get("/_sandbox/state").get_json()
        assert isinstance(state, dict)
        return state

    def switch(self, **values: str) -> None:
        assert self.omneo.app.test_client().put("/_sandbox/switches", json=values).status_code == 200

    def one(self, kind: str, **facts: object) -> dict[str, Any]:
        """The only thing of that kind at Omneo with these facts."""
        found = [row for row in self.state()[kind] if all(row[name] == fact for name, fact in facts.items())]
        assert len(found) == 1, found
        row = found[0]
        assert isinstance(row, dict)
        return row


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    clock = Clock()
    app = create_sandbox(seed="demo", clock=clock)
    with serve_sandbox(app) as omneo:
        made = Terminal(tmp_path, omneo, clock)
        yield made
    for shop in made.shops:
        runtime: Runtime = shop.extensions["claimable_benefits"]
        runtime.context.omneo.close()
        runtime.context.ledger.close()
    sandbox(app).store.close()


def number_after(word: str, text: str) -> str:
    found = re.search(rf"{word} (\d+)", text)
    assert found is not None, text
    return found.group(1)


def hat_day_of_mia(terminal: Terminal) -> str:
    """Steps 1 and 2; gives the benefit's id."""
    terminal.says("define", terminal.file("hat-day.toml", HAT_DAY))
    return number_after("benefit", terminal.says("issue", "hat-day", "--customer", "1001"))
