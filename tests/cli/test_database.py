"""``flask benefits db …``: which version the ledger has, and the ways to another."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from claimable_benefits import ClaimableBenefits, SettingsError
from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger import Ledger
from claimable_benefits.ledger.key_values import LAST_TURN, set_value
from claimable_benefits.ledger.profile_ids import remember_profile
from claimable_benefits.ledger.retention.tombstones import Tombstone, add_tombstone, pruned_ids, pruned_references
from claimable_benefits.ledger.shops.others import other_shops
from claimable_benefits.runtime import Runtime
from tests.cli.conftest import Terminal
from tests.ledger.later_schema import later_schema
from tests.ledger.rows import NOW, new_use, queue
from tests.support.postgres import Postgres


@contextmanager
def the_file(terminal: Terminal) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(terminal.folder / "benefits.sqlite3", isolation_level=None)) as connection:
        yield connection


def test_the_version_is_shown(terminal: Terminal) -> None:
    said = terminal.says("db", "current")

    assert said == "The ledger is of version 0001; the newest that this release knows is 0001.\n"


def of_a_later_release(shop: Flask, folder: Path) -> Flask:
    """The same shop with a release that has a second migration."""
    runtime: Runtime = shop.extensions["claimable_benefits"]
    runtime.context.ledger.close()
    ledger = Ledger(runtime.settings.database_url, schema=later_schema(folder))
    shop.extensions["claimable_benefits"] = replace(runtime, context=replace(runtime.context, ledger=ledger))
    return shop


@pytest.fixture
def later(terminal: Terminal) -> Flask:
    return of_a_later_release(terminal.shop(), terminal.folder)


def test_a_ledger_goes_up_for_a_later_release_and_down_again(terminal: Terminal, later: Flask) -> None:
    shown = terminal.says("db", "current", shop=later)
    up = terminal.says("db", "upgrade", shop=later)
    down = terminal.says("db", "downgrade", "0001", "--yes", shop=later)

    assert down == (
        "The ledger is of version 0001. Install the earlier release before anything starts: "
        "this one would bring the tables up to date again.\n"
    )
    assert shown == "The ledger is of version 0001; the newest that this release knows is 0002.\n"
    assert up == "The ledger is of version 0002, the newest that this release knows.\n"


def test_going_down_asks_before(terminal: Terminal, later: Flask) -> None:
    terminal.says("db", "upgrade", shop=later)
    result = later.test_cli_runner().invoke(args=["benefits", "db", "downgrade", "0001"], input="n\n")

    assert result.exit_code == 1
    assert "Is the shop stopped" in result.stdout
    assert "version 0002;" in terminal.says("db", "current", shop=later)


def test_a_version_that_is_none_is_one_line(terminal: Terminal) -> None:
    said = terminal.refuses("db", "downgrade", "0815", "--yes")

    assert said == "'0815' is no version of the ledger; there are 0001."


def test_a_database_that_refuses_to_go_down_is_one_line_and_keeps_its_version(
    terminal: Terminal, postgres: Postgres
) -> None:
    with postgres.empty_database() as url:
        shop = of_a_later_release(terminal.shop(BENEFITS_DATABASE_URL=url), terminal.folder)
        terminal.says("db", "upgrade", shop=shop)
        ledger: Ledger = shop.extensions["claimable_benefits"].context.ledger
        with ledger.write() as connection:
            new_use(connection, channel="a longer channel than today's")

        said = terminal.refuses("db", "downgrade", "0001", "--yes", shop=shop)
        shown = terminal.says("db", "current", shop=shop)
        shop.extensions["claimable_benefits"].close()

    assert said.startswith("The database refuses to go down to version 0001: value too long")
    assert "version 0002;" in shown


@pytest.fixture
def locked(terminal: Terminal) -> Iterator[Flask]:
    """A shop that waits for no lock, while another process keeps the ledger to itself: nobody may even read."""
    shop = terminal.shop()
    runtime: Runtime = shop.extensions["claimable_benefits"]
    runtime.context.ledger.close()
    hasty = replace(runtime.context, ledger=Ledger(runtime.settings.database_url, wait=0.1))
    shop.extensions["claimable_benefits"] = replace(runtime, context=hasty)
    with the_file(terminal) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        yield shop


@pytest.mark.parametrize("command", [["db", "current"], ["show", "--customer", "1001"], ["resume", "A1"]])
def test_a_locked_ledger_is_one_line(terminal: Terminal, locked: Flask, command: list[str]) -> None:
    assert terminal.refuses(*command, shop=locked) == "The ledger cannot be used right now: database is locked."


def test_the_doctor_says_that_the_ledger_is_locked(locked: Flask) -> None:
    result = locked.test_cli_runner().invoke(args=["benefits", "doctor"])

    first = result.stdout.splitlines()[0]
    assert result.exit_code == 1
    assert first.startswith("!!  Ledger: is kept in sqlite:///")
    assert first.endswith("The ledger cannot be used right now: database is locked.")


# At the start of a shop.


def starting(folder: Path, url: str) -> SettingsError:
    app = Flask("shop", instance_path=str(folder), root_path=str(folder))
    app.config.update(SECRET_KEY="s", OMNEO_TENANT="acme", OMNEO_TOKEN="t", BENEFITS_WORKER="off", TESTING=True)
    app.config["BENEFITS_DATABASE_URL"] = url
    with pytest.raises(SettingsError) as refused:
        ClaimableBenefits().init_app(app)
    assert refused.value.key == "BENEFITS_DATABASE_URL"
    return refused.value


def test_a_ledger_from_a_newer_release_stops_the_start_and_is_left_alone(terminal: Terminal) -> None:
    terminal.says("db", "current")
    with the_file(terminal) as file:
        file.execute("UPDATE benefits_alembic_version SET version_num = '0009'")
        before = list(file.iterdump())

        refused = starting(terminal.folder, "sqlite:///benefits.sqlite3")

        assert before == list(file.iterdump())
    assert refused.problem == (
        "names a ledger of version 0009; the newest that this release of the package knows is 0001."
    )
    assert refused.remedy == (
        "Upgrade flask-claimable-benefits, or run `flask benefits db downgrade 0001` with the newer release."
    )


def test_a_server_that_does_not_answer_stops_the_start_without_its_password(tmp_path: Path) -> None:
    refused = starting(tmp_path, "postgresql://shop:5ecret-0815@127.0.0.1:9/shop")

    assert refused.problem.startswith("cannot be used: ")
    assert refused.remedy == "Correct the address, or start the server."
    assert "5ecret" not in str(refused)


def test_a_role_that_may_not_make_tables_gets_the_remedy(tmp_path: Path, postgres: Postgres) -> None:
    postgres.admin.execute("CREATE ROLE shop LOGIN")
    with postgres.empty_database() as url:
        refused = starting(tmp_path, url.replace("postgres:@", "shop:@"))
    postgres.admin.execute("DROP ROLE shop")

    assert refused.problem == "cannot be used: permission denied for schema public."
    assert "flask benefits db upgrade" in refused.remedy


def test_a_shop_goes_by_the_servers_clock(tmp_path: Path, postgres: Postgres) -> None:
    app: Any = Flask("shop", instance_path=str(tmp_path), root_path=str(tmp_path))
    app.config.update(SECRET_KEY="s", OMNEO_TENANT="acme", OMNEO_TOKEN="t", BENEFITS_WORKER="off", TESTING=True)
    app.config["BENEFITS_DATABASE_URL"] = postgres.empty_ledger()

    ClaimableBenefits().init_app(app)

    runtime = app.extensions["claimable_benefits"]
    clocks = (runtime.context.clock, runtime.context.ledger.clock)
    runtime.close()
    assert clocks[0] is clocks[1]


TYPO = "https://127.0.0.1:9/api/v33"


def with_rows_of(terminal: Terminal, address: str, *orders: str) -> Flask:
    """The shop as it is, over a ledger in which an app with another address has queued orders."""
    shop = terminal.shop()
    url = shop.extensions["claimable_benefits"].settings.database_url
    earlier = Ledger(url, tenant=address)
    with earlier.write() as connection:
        remember_profile(connection, "1001", "of another time", NOW)
        for number in orders:
            queue(connection, number)
    earlier.close()
    return shop


def doctor(shop: Flask) -> str:
    return shop.test_cli_runner().invoke(args=["benefits", "doctor"]).stdout


def test_rows_that_were_written_with_a_typo_in_the_address_are_counted_and_adopted(terminal: Terminal) -> None:
    shop = with_rows_of(terminal, TYPO, "A1", "A2")

    before = doctor(shop)
    said = terminal.says("db", "adopt", TYPO, "--yes", shop=shop)
    again = doctor(shop)

    assert f"!!  Other shops: rows that wait under the address {TYPO}: 2. No app serves them." in before
    assert f"flask benefits db adopt {TYPO}." in before
    assert said == f"2 uses, claims and orders of {TYPO} are this shop's now.\n"
    assert "Other shops" not in again
    assert "2 transactions wait for delivery" in again


def test_what_was_pruned_under_another_address_is_adopted(terminal: Terminal) -> None:
    shop = with_rows_of(terminal, TYPO, "A1")
    ours = shop.extensions["claimable_benefits"].context.ledger
    earlier = Ledger(shop.extensions["claimable_benefits"].settings.database_url, tenant=TYPO)
    pruned = Tombstone("159", "160", UseState.ROLLED_BACK)
    for ledger, references in ((earlier, ("shop-1", "shop-2")), (ours, ("shop-2",))):
        with ledger.write() as connection:
            for reference in references:
                add_tombstone(connection, reference, pruned, NOW)
    earlier.close()

    terminal.says("db", "adopt", TYPO, "--yes", shop=shop)

    with ours.read() as connection:
        assert pruned_references(connection, ["shop-1", "shop-2"]) == {"shop-1", "shop-2"}
        assert pruned_ids(connection, ["159", "160"]) == {"159", "160"}


def test_rows_of_another_app_that_runs_are_no_fault(terminal: Terminal) -> None:
    shop = with_rows_of(terminal, TYPO, "A1")
    ctx = shop.extensions["claimable_benefits"].context
    earlier = Ledger(shop.extensions["claimable_benefits"].settings.database_url, tenant=TYPO)
    with earlier.write() as connection:
        set_value(connection, LAST_TURN, ctx.clock().isoformat(), ctx.clock())
    earlier.close()

    said = doctor(shop)

    assert f"ok  Other shops: rows that wait under the address {TYPO}: 1. Another app serves them." in said


def test_adopting_moves_nothing_where_both_have_an_order_of_one_number(terminal: Terminal) -> None:
    shop = with_rows_of(terminal, TYPO, "A1", "A2")
    ctx = shop.extensions["claimable_benefits"].context
    with ctx.ledger.write() as connection:
        queue(connection, "A2")

    said = terminal.refuses("db", "adopt", TYPO, "--yes", shop=shop)

    assert said == "Both have an order A2, so nothing was moved."
    with ctx.ledger.read() as connection:
        assert [other.waiting for other in other_shops(connection, LAST_TURN)] == [2]


def test_adopting_moves_nothing_where_both_have_a_live_use_of_one_benefit(terminal: Terminal) -> None:
    shop = with_rows_of(terminal, TYPO, "A1")
    earlier = Ledger(shop.extensions["claimable_benefits"].settings.database_url, tenant=TYPO)
    for ledger in (earlier, shop.extensions["claimable_benefits"].context.ledger):
        with ledger.write() as connection:
            new_use(connection)
    earlier.close()

    said = terminal.refuses("db", "adopt", TYPO, "--yes", shop=shop)

    assert said == "Both have a use of one benefit, cart or redemption that is under way, so nothing was moved."
    assert f"{TYPO}: 2. No app serves them." in doctor(shop)


@pytest.mark.parametrize("address", ["https://nowhere/api/v3", ""])
def test_an_address_that_no_app_has_used_is_one_line(terminal: Terminal, address: str) -> None:
    said = terminal.refuses("db", "adopt", address or terminal.omneo.base_url, "--yes")

    assert said.startswith("No other app has used this database with the address ")


def test_adopting_asks_before(terminal: Terminal) -> None:
    shop = with_rows_of(terminal, TYPO, "A1")
    result = shop.test_cli_runner().invoke(args=["benefits", "db", "adopt", TYPO], input="n\n")

    assert result.exit_code == 1
    assert "does no app run with it any more?" in result.stdout
    assert f"{TYPO}: 1. No app serves them." in doctor(shop)
