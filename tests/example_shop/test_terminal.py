"""Commands at a terminal find the shop that runs, and say so where none does."""

from __future__ import annotations

from pathlib import Path

import pytest

from example_shop.app import close_app
from example_shop.server.run import RUNNING_NAME, start
from example_shop.terminal import create_app


def test_a_command_finds_the_running_shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DATA", str(tmp_path))
    with start(data=tmp_path, environ={}):
        app = create_app()
        shown = app.test_cli_runner().invoke(args=["benefits", "show", "--customer", "1001"])
        close_app(app)

    assert shown.exit_code == 0
    assert "First Spend Discount" in shown.output
    assert not (tmp_path / RUNNING_NAME).exists()


def test_without_a_running_shop_it_says_how_to_start_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_DATA", str(tmp_path))

    with pytest.raises(SystemExit, match="make shop"):
        create_app()
