"""The developer guide's four calls, executed as they are written by the program curl."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from claimable_benefits.sandbox import RunningSandbox, serve_sandbox
from claimable_benefits.sandbox.state.request_state import sandbox
from tests.sandbox.client import SandboxClient

GUIDE = Path(__file__).parent / "guide"
ITEMS = '[{"name": "Linen Shirt", "quantity": 1, "price_current": 99.99, "price_sell": 89.99}]'


@pytest.fixture(scope="module")
def running(shared_api: SandboxClient) -> Iterator[RunningSandbox]:
    with serve_sandbox(shared_api.app) as served:
        yield served


def run(running: RunningSandbox, step: str, **in_place_of: str) -> Any:
    """Execute one of the guide's commands, with the tenant's host, the ids and the list of items put in."""
    assert shutil.which("curl"), "This test runs the guide's own commands: install curl, as in apt install curl."
    command = (GUIDE / f"{step}.sh").read_text()
    # The host comes last: its port may hold the digits of an id.
    for written, meant in {**in_place_of, "https://api.[tenant].getomneo.com": running.url}.items():
        assert written in command, written
        command = command.replace(written, meant)
    environment = {**os.environ, "TOKEN": running.token, "no_proxy": "*"}
    done = subprocess.run(  # noqa: S602 - the guide's commands are written for a shell
        f"set -e; {command}", shell=True, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["data"]


def test_the_guides_four_curl_calls_work_as_they_are_written(running: RunningSandbox, api: SandboxClient) -> None:
    sandbox(api.app).clock_control.freeze(datetime(2025, 6, 15, 4, 30, tzinfo=UTC))  # the guide's own half past two
    profile = api.profile()
    written_profile = "92a7996b-abb6-4c9c-a845-9aaf8202fab6"

    definition = run(running, "1-definition")
    benefit = run(running, "2-benefit", **{"94": str(definition["id"]), written_profile: profile})
    redemption = run(running, "3-redemption", **{"{profileId}": profile, "{benefitId}": str(benefit["id"])})
    transaction = run(
        running, "4-transaction", **{written_profile: profile, "159": str(redemption["id"]), "[...]": ITEMS}
    )

    assert (definition["handle"], definition["tags"]) == ("first-spend", ["first-spend", "new-member"])
    assert (benefit["definition"]["id"], benefit["issued_at"]) == (definition["id"], "2025-06-14 23:00:00")
    assert (redemption["type"], api.state()["redemptions"][0]["external_id"]) == ("redeem", "POS-REDEMPTION-001")
    assert (transaction["total"], transaction["redemption"]["id"]) == (89.99, redemption["id"])
