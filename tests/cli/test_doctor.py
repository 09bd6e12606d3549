"""``flask benefits doctor``: what works, and what to do about what does not."""

from __future__ import annotations

import pytest
from flask import Flask

from claimable_benefits.ledger.schema import NEWEST
from tests.cli.conftest import Terminal

POLICIES = '[first-spend]\ndiscount = "percent"\nsize = 10\nused_at = "checkout"\n\n[ghost]\nused_at = "store"\n'


def test_the_doctor_finds_a_well_kept_shop_well(terminal: Terminal) -> None:
    kinds = [row["handle"] for row in terminal.state()["definitions"]]
    policies = "".join(f'[{handle}]\nused_at = "store"\n' for handle in kinds)
    shop = terminal.shop(BENEFITS_POLICIES=terminal.file("policies.toml", policies))

    said = terminal.says("doctor", shop=shop)

    assert said == (
        f"ok  Ledger: is kept in sqlite:///{terminal.folder / 'benefits.sqlite3'}, version {NEWEST}.\n"
        f"ok  Omneo: answers at {terminal.omneo.base_url}, speaking the guide dialect.\n"
        "ok  Customers: can be looked up under the identity handle 'ecommerce'.\n"
        f"ok  Policies: there is one for each of Omneo's {len(kinds)} definitions.\n"
    )


def examined(terminal: Terminal, shop: Flask) -> tuple[int, list[str], str]:
    result = shop.test_cli_runner().invoke(args=["benefits", "doctor"])
    return result.exit_code, [line for line in result.stdout.splitlines() if line.startswith("!!")], result.stderr


def test_the_doctor_says_which_policies_are_missing_and_which_are_too_many(terminal: Terminal) -> None:
    path = terminal.file("policies.toml", POLICIES)

    code, found, noise = examined(terminal, terminal.shop(BENEFITS_POLICIES=path))

    assert (code, len(found), noise) == (1, 1, "")
    assert found[0].startswith("!!  Policies: no policy for alterations, barista-coffee, birthday-gift, ")
    assert found[0].endswith(f"; no definition at Omneo for ghost. Edit {path}.")
    assert "first-spend" not in found[0]


def test_the_doctor_knows_a_shop_without_policies(terminal: Terminal) -> None:
    code, found, _ = examined(terminal, terminal.shop())

    remedy = "set BENEFITS_POLICIES, or nothing can be used online."
    assert (code, found) == (1, [f"!!  Policies: there are none: {remedy}"])


@pytest.mark.parametrize("dialect", ["auto", "guide"])
def test_the_doctor_says_that_omneo_is_down(terminal: Terminal, dialect: str) -> None:
    shop = terminal.shop(OMNEO_DIALECT=dialect)
    terminal.omneo.close()

    code, found, noise = examined(terminal, shop)

    assert (code, noise) == (1, "")
    assert found == ["!!  Omneo: no usable answer: Omneo did not answer: connect error. (GET /identities/search)"]


def test_the_doctor_says_that_the_token_is_wrong_without_showing_it(terminal: Terminal) -> None:
    code, found, noise = examined(terminal, terminal.shop(OMNEO_TOKEN="wr0ng-token"))

    assert (code, len(found)) == (1, 1)
    assert found[0].startswith(
        "!!  Omneo: the token is not accepted, or lacks a scope: Omneo does not accept the token."
    )
    assert "wr0ng-token" not in f"{found}{noise}"
