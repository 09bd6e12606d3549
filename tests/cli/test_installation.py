"""``flask benefits doctor``: what works, and what to do about what does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from flask import Flask

from claimable_benefits import Cart, Line, Policy, Shopper, Transaction
from claimable_benefits.domain.policy import Place
from claimable_benefits.ledger.schema import SCHEMA
from claimable_benefits.service.account.wallet_view import read_wallet
from claimable_benefits.service.holds.hold import hold
from claimable_benefits.service.orders.submit import submit
from claimable_benefits.service.orders.unplaced import resolve_unplaced
from claimable_benefits.service.redemption.redeem import redeem_for_order
from claimable_benefits.settings.table import TABLE
from tests.cli.conftest import Clock, Terminal, Unreachable

POLICIES = '[first-spend]\ndiscount = "percent"\nsize = 10\nused_at = "checkout"\n\n[ghost]\nused_at = "store"\n'
ANY_CART = Policy("any", used_at=frozenset({Place.CHECKOUT}))


def test_the_doctor_finds_a_well_kept_shop_well(terminal: Terminal) -> None:
    kinds = [row["handle"] for row in terminal.state()["definitions"]]
    policies = "".join(f'[{handle}]\nused_at = "store"\n' for handle in kinds)
    shop = terminal.shop(BENEFITS_POLICIES=terminal.file("policies.toml", policies))

    said = terminal.says("doctor", shop=shop)

    assert said == (
        f"ok  Ledger: is kept in sqlite:///{terminal.folder / 'benefits.sqlite3'}, version {SCHEMA.newest}.\n"
        f"ok  Omneo: answers at {terminal.omneo.base_url}, in the guide dialect.\n"
        "ok  Customers: can be looked up under the identity handle 'ecommerce'.\n"
        f"ok  Policies: there is one for each of Omneo's {len(kinds)} definitions.\n"
        "ok  References: Omneo filters redemptions by ours, which resolves a lost answer.\n"
        "ok  Variants: redeem: not known before the first one; claim: not known before the first one; "
        "record a transaction: not known before the first one.\n"
        "ok  Clocks: Omneo's and ours agree.\n"
        "ok  Loaders: the shop has registered those for shopper, cart and order.\n"
        "ok  Orders: the order loader knows the orders that it was asked about.\n"
        "ok  Times: those without a zone are read as UTC (BENEFITS_NAIVE_TIMEZONE).\n"
        "ok  Redemptions: the worker has found none at Omneo that the ledger does not know.\n"
        "ok  Review: nothing waits for manual review.\n"
        "ok  Queue: every transaction is delivered.\n"
        "ok  Worker: none has run yet: it starts with the first request, or by flask benefits work.\n"
    )


def examined(terminal: Terminal, shop: Flask) -> tuple[int, list[str], str]:
    result = shop.test_cli_runner().invoke(args=["benefits", "doctor"])
    return result.exit_code, [line for line in result.stdout.splitlines() if line.startswith("!!")], result.stderr


def test_the_doctor_says_which_policies_are_missing_and_which_are_too_many(terminal: Terminal) -> None:
    path = terminal.file("policies.toml", POLICIES)

    code, found, noise = examined(terminal, terminal.shop(BENEFITS_POLICIES=path))

    assert (code, len(found), noise) == (1, 1, "")
    assert found[0].startswith("!!  Policies: none for alterations, barista-coffee, birthday-gift, ")
    assert found[0].endswith(f"; no definition at Omneo for ghost. Edit {path}.")
    assert "first-spend" not in found[0]


def test_a_benefit_without_a_policy_is_named_and_is_no_fault(terminal: Terminal) -> None:
    shop = terminal.shop(BENEFITS_POLICIES=terminal.file("policies.toml", POLICIES.partition("[ghost]")[0]))

    said = terminal.says("doctor", shop=shop)

    assert "ok  Policies: none for alterations, barista-coffee, " in said
    assert ": shown with Omneo's instructions, used nowhere online.\n" in said


def test_the_doctor_names_an_endpoint_that_the_shop_does_not_have(terminal: Terminal) -> None:
    shop = terminal.shop(BENEFITS_LOGIN_URL="auth.login", BENEFITS_CHECKOUT_URL="benefits.no_such_page")
    shop.add_url_rule("/sign-in", "auth.login", lambda: "")

    _, found, _ = examined(terminal, shop)

    sentence = "BENEFITS_CHECKOUT_URL names 'benefits.no_such_page', which is no endpoint of the shop."
    assert f"!!  Pages: {sentence}" in found
    assert not [line for line in found if "auth.login" in line]


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


def well_kept(terminal: Terminal) -> Flask:
    kinds = [row["handle"] for row in terminal.state()["definitions"]]
    policies = "".join(f'[{handle}]\nused_at = "store"\n' for handle in kinds)
    return terminal.shop(BENEFITS_POLICIES=terminal.file("policies.toml", policies))


def test_the_doctor_says_what_a_tenant_that_ignores_references_means(terminal: Terminal) -> None:
    terminal.switch(external_id_filter="ignored")

    said = terminal.says("doctor", shop=well_kept(terminal))

    assert "ok  References: Omneo does not filter redemptions by our reference: a lost answer is resolved by" in said


def test_the_doctor_finds_the_worker_gone_and_the_queue_long(terminal: Terminal) -> None:
    shop = well_kept(terminal)
    terminal.says("work", "--once", shop=shop)
    down = terminal.shop(transport=Unreachable())
    terminal.refuses("submit", "A1", "--total", "5", shop=down)
    terminal.clock.forward(hours=2)

    _, found, _ = examined(terminal, shop)

    assert [line.split(":")[0] for line in found] == ["!!  Queue", "!!  Worker"]
    assert "its last turn was 7200 s ago" in found[1]


def test_the_doctor_sends_staff_to_what_waits_for_them(terminal: Terminal) -> None:
    shop = well_kept(terminal)
    terminal.refuses("submit", "A1", "--total", "5", "--redemption", "999999", shop=shop)

    _, found, _ = examined(terminal, shop)

    assert found == ["!!  Review: 1 waiting for manual review. See: flask benefits review"]


def test_the_doctor_sees_that_the_clocks_disagree(terminal: Terminal) -> None:
    slow = Clock()
    slow.forward(minutes=-5)

    _, found, _ = examined(terminal, well_kept(replace(terminal, clock=slow)))

    assert [line[:28] for line in found] == ["!!  Clocks: Omneo's is 300 s"]


def test_settings_lists_every_key_with_its_default_and_sentence(terminal: Terminal) -> None:
    lines = terminal.says("settings").splitlines()

    assert [line.split()[0] for line in lines[::2]] == [setting.key for setting in TABLE]
    assert [line.strip() for line in lines[1::2]] == [setting.sentence for setting in TABLE]
    assert "BENEFITS_HOLD_MINUTES [30]" in lines
    assert "OMNEO_TOKEN" in lines


def test_the_doctor_names_the_loaders_that_the_shop_has_not_registered(terminal: Terminal) -> None:
    _, found, _ = examined(terminal, terminal.shop(has_loaders=False))

    names = "@benefits.shopper_loader, @benefits.cart_loader, @benefits.order_loader"
    assert f"!!  Loaders: missing: {names}. Decorate a function of your shop with each." in found


def test_the_doctor_says_that_the_order_loader_has_not_known_an_order_for_an_hour(terminal: Terminal) -> None:
    shop = terminal.shop()
    context = shop.extensions["claimable_benefits"].context
    shopper, cart = Shopper(1002), Cart("cart-1", (Line("s", "Shirt", 1, 50),), "AUD", 5)  # type: ignore[arg-type]
    wallet = read_wallet(context, shopper)
    context = replace(context, policies={held.benefit.handle: ANY_CART for held in wallet.usable})
    use_id = hold(context, shopper, cart, wallet.usable[0].benefit.id).use_id
    redeem_for_order(context, use_id, "A1", actor="shopper 1002")

    terminal.clock.forward(minutes=59)
    resolve_unplaced(context)
    before = [line for line in examined(terminal, shop)[1] if "Orders" in line]
    terminal.clock.forward(minutes=2)
    resolve_unplaced(context)
    after = [line for line in examined(terminal, shop)[1] if "Orders" in line]

    said = "redeemed, and not known to the order loader for an hour: 1, such as A1."
    assert before == []
    assert after == [f"!!  Orders: {said} See the log; after a day they wait for manual review."]


def test_the_doctor_says_in_which_zone_times_without_one_are_read(terminal: Terminal) -> None:
    shop = terminal.shop(BENEFITS_NAIVE_TIMEZONE="Australia/Melbourne")
    context = shop.extensions["claimable_benefits"].context
    naive = datetime(2026, 3, 2, 12, 0)  # noqa: DTZ001 - as SQLite's columns give it
    with context.ledger.write() as connection:
        submit(context, Transaction("A1", None, 5, 5, naive, "AUD"), connection)  # type: ignore[arg-type]

    said = shop.test_cli_runner().invoke(args=["benefits", "doctor"]).stdout

    expected = "your shop gives times without a zone; they are read as Australia/Melbourne (BENEFITS_NAIVE_TIMEZONE)."
    assert f"ok  Times: {expected}\n" in said
