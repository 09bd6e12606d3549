"""Whole stories in the shop, with JavaScript and without."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.journeys.conftest import (
    DECLINED_AT_CAPTURE,
    DECLINED_CARD,
    GOOD_CARD,
    LATE_CAPTURE,
    REDIRECT_CARD,
    Town,
    fill_a_cart,
    fill_in_checkout,
    order_number,
    place_order,
    sign_in,
)


def claim(page: Page, town: Town, name: str) -> None:
    page.goto(f"{town.url}/account/benefits")
    page.get_by_role("button", name=f"Claim {name}").click()


def apply(page: Page, town: Town, name: str) -> None:
    page.goto(f"{town.url}/checkout")
    page.get_by_role("region", name="Benefits").get_by_role("button", name=f"Apply {name}").click()


def total(page: Page) -> str:
    """What the checkout says that will be paid."""
    found = re.search(r"You pay (\$[\d,]+\.\d\d)", page.inner_text("body"))
    assert found is not None
    return found.group(1)


def test_a_shopper_claims_a_benefit_uses_it_in_checkout_and_omneo_has_it_on_the_transaction(
    town: Town, page: Page
) -> None:
    sign_in(page, town, "Mia Ngo")
    claim(page, town, "Free Shipping")
    expect(page.get_by_role("status")).to_contain_text("Free Shipping is yours")
    expect(page.get_by_role("button", name="Claim Free Shipping")).to_have_count(0)

    fill_a_cart(page, town)
    page.goto(f"{town.url}/checkout")
    before = total(page)
    apply(page, town, "Free Shipping")
    panel = page.get_by_role("region", name="Benefits")
    expect(panel.get_by_role("button", name="Remove Free Shipping")).to_be_visible()
    with_benefit = total(page)
    fill_in_checkout(page, town)
    place_order(page)
    expect(page.get_by_role("heading", name="Thank you, Mia")).to_be_visible()
    expect(page.locator("body")).to_contain_text("Free Shipping")
    number = order_number(page)
    page.goto(f"{town.url}/orders/{number}")
    record = page.get_by_role("region", name="Loyalty record")
    for _ in range(240):
        if "Recorded" in record.inner_text():
            break
        page.wait_for_timeout(250)
        page.reload()

    recorded = town.transaction(number)
    assert (before, with_benefit) == ("$138.95", "$129.00")
    assert len(recorded) == 1
    assert town.live_uses("1001", "free-shipping") == 1
    redemption_id, transaction_id = str(recorded[0]["redemption_id"]), str(recorded[0]["id"])
    expect(record).to_contain_text(redemption_id)
    expect(record).to_contain_text(transaction_id)
    page.goto(f"{town.url}/account/benefits")
    expect(page.get_by_role("main")).to_contain_text(f"Order {number}")


def test_a_second_claim_from_another_tab_changes_nothing_and_says_so(town: Town, page: Page) -> None:
    sign_in(page, town, "Mia Ngo")
    page.goto(f"{town.url}/account/benefits")
    another = page.context.new_page()
    another.goto(f"{town.url}/account/benefits")

    page.get_by_role("button", name="Claim Free Shipping").click()
    another.get_by_role("button", name="Claim Free Shipping").click()

    expect(another.get_by_role("status")).to_contain_text("already")
    assert len(town.benefits("1001", "free-shipping")) == 1


def test_applying_and_removing_costs_nothing(town: Town, page: Page) -> None:
    sign_in(page, town, "Mia Ngo")
    fill_a_cart(page, town)
    apply(page, town, "First Spend Discount")
    with_benefit = total(page)

    page.get_by_role("button", name="Remove First Spend Discount").click()
    expect(page.get_by_role("button", name="Apply First Spend Discount")).to_be_visible()

    assert (with_benefit, total(page)) == ("$126.05", "$138.95")
    assert town.live_uses("1001", "first-spend") == 0


def test_a_declined_card_leaves_the_benefit_and_another_card_goes_through(town: Town, page: Page) -> None:
    sign_in(page, town, "Mia Ngo")
    fill_a_cart(page, town)
    apply(page, town, "First Spend Discount")
    for card in (DECLINED_CARD, DECLINED_AT_CAPTURE):
        fill_in_checkout(page, town, card)
        place_order(page)
        expect(page.get_by_role("alert")).to_contain_text("not been charged")
        expect(page.get_by_role("button", name="Remove First Spend Discount")).to_be_visible()
    after_the_declines = town.live_uses("1001", "first-spend")

    fill_in_checkout(page, town, GOOD_CARD)
    place_order(page)
    expect(page.get_by_role("heading", name="Thank you, Mia")).to_be_visible()

    assert after_the_declines == 0
    assert town.live_uses("1001", "first-spend") == 1


def test_a_benefit_used_up_elsewhere_meanwhile_moves_no_money_and_the_shopper_decides(town: Town, page: Page) -> None:
    sign_in(page, town, "Mia Ngo")
    fill_a_cart(page, town)
    apply(page, town, "First Spend Discount")
    town.use_at_the_till("1001", "first-spend")

    fill_in_checkout(page, town)
    place_order(page)
    expect(page.get_by_role("alert").first).to_contain_text("First Spend Discount is not available any more")
    new_total = total(page)
    payments_taken = [row for row in town.at_omneo()["transactions"] if row["total"] in (126.05, 138.95)]
    fill_in_checkout(page, town)
    place_order(page)
    expect(page.get_by_role("heading", name="Thank you, Mia")).to_be_visible()

    assert new_total == "$138.95"
    assert payments_taken == []


def test_a_guest_is_invited_to_sign_in_and_returns_to_the_checkout(town: Town, page: Page) -> None:
    fill_a_cart(page, town)
    page.goto(f"{town.url}/checkout")

    page.get_by_role("region", name="Benefits").get_by_role("link", name="Sign in").click()
    page.get_by_role("button", name="Mia Ngo").click()

    expect(page).to_have_url(re.compile("/checkout"))
    expect(page.get_by_role("button", name="Apply First Spend Discount")).to_be_visible()


def test_a_guest_who_opens_the_benefits_page_returns_to_it(town: Town, page: Page) -> None:
    page.goto(f"{town.url}/account/benefits")

    page.get_by_role("main").get_by_role("link", name="Sign in").click()
    page.get_by_role("button", name="Mia Ngo").click()

    expect(page).to_have_url(re.compile("/account/benefits$"))
    expect(page.get_by_role("heading", name="Ready to claim")).to_be_visible()


def test_a_shopper_unknown_to_the_programme_sees_a_calm_page_and_can_buy(town: Town, page: Page) -> None:
    sign_in(page, town, "Kim Lee")
    page.goto(f"{town.url}/account/benefits")
    expect(page.get_by_role("heading", name="Your benefits")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Claim"))).to_have_count(0)

    fill_a_cart(page, town)
    fill_in_checkout(page, town)
    place_order(page)

    expect(page.get_by_role("heading", name="Thank you, Kim")).to_be_visible()


def test_a_benefit_is_used_from_the_account_page_and_shows_what_to_do(town: Town, page: Page) -> None:
    sign_in(page, town, "Noah Klein")
    page.goto(f"{town.url}/account/benefits")

    page.get_by_role("button", name="Use VIP Lounge Visit now").click()

    expect(page.get_by_role("heading", name="VIP Lounge Visit").first).to_be_visible()
    assert town.live_uses("1004", "vip-lounge") == 1


def test_an_entry_is_claimed_and_used_in_one_press_and_its_receipt_is_found_again(town: Town, page: Page) -> None:
    sign_in(page, town, "Mia Ngo")
    page.goto(f"{town.url}/account/benefits")
    button = page.get_by_role("button", name="Claim and use Prize Draw Entry now")
    expect(button).to_have_accessible_description("It is used as soon as you claim it, and cannot be kept for later.")

    button.click()
    expect(page.get_by_role("heading", name="Prize Draw Entry")).to_be_visible()
    expect(page.get_by_text("DRAW-LORNE", exact=True)).to_be_visible()
    receipt = page.url
    page.goto(f"{town.url}/account/benefits")
    expect(button).to_have_count(0)
    page.get_by_role("link", name="Code and instructions of Prize Draw Entry").click()

    assert receipt == page.url
    assert town.live_uses("1001", "prize-draw") == 1


def test_a_press_in_a_second_tab_makes_no_second_entry(town: Town, page: Page) -> None:
    sign_in(page, town, "Mia Ngo")
    tabs = [page, page.context.new_page()]
    for tab in tabs:
        tab.goto(f"{town.url}/account/benefits")

    for tab in tabs:
        tab.get_by_role("button", name="Claim and use Prize Draw Entry now").click()
        expect(tab.get_by_text("DRAW-LORNE", exact=True)).to_be_visible()

    assert len({tab.url for tab in tabs}) == 1
    assert town.live_uses("1001", "prize-draw") == 1


def test_a_payment_that_asks_the_shopper_back_ends_in_one_order(town: Town, page: Page) -> None:
    sign_in(page, town, "Mia Ngo")
    fill_a_cart(page, town)
    apply(page, town, "First Spend Discount")
    fill_in_checkout(page, town, REDIRECT_CARD)
    place_order(page)
    in_between = town.live_uses("1001", "first-spend")

    page.get_by_role("button", name="Approve payment").click()
    expect(page.get_by_role("heading", name="Thank you, Mia")).to_be_visible()

    assert in_between == 0
    assert town.live_uses("1001", "first-spend") == 1


def test_a_payment_declined_on_the_banks_page_leaves_the_benefit(town: Town, page: Page) -> None:
    sign_in(page, town, "Mia Ngo")
    fill_a_cart(page, town)
    apply(page, town, "First Spend Discount")
    fill_in_checkout(page, town, REDIRECT_CARD)
    place_order(page)

    page.get_by_role("button", name="Decline payment").click()
    page.goto(f"{town.url}/checkout")

    expect(page.get_by_role("button", name="Remove First Spend Discount")).to_be_visible()
    assert town.live_uses("1001", "first-spend") == 0


def test_a_capture_that_answers_late_ends_paid_with_its_benefit(town: Town, page: Page) -> None:
    sign_in(page, town, "Mia Ngo")
    fill_a_cart(page, town)
    apply(page, town, "First Spend Discount")
    fill_in_checkout(page, town, LATE_CAPTURE)
    place_order(page)
    number = order_number(page)
    for _ in range(240):
        page.goto(f"{town.url}/orders/{number}")
        if "Paid" in page.inner_text("main"):
            break
        page.wait_for_timeout(250)

    expect(page.get_by_role("main")).to_contain_text("Paid")
    assert town.live_uses("1001", "first-spend") == 1


def test_two_clicks_on_place_order_make_one_order(town: Town, page: Page) -> None:
    sign_in(page, town, "Mia Ngo")
    fill_a_cart(page, town)
    apply(page, town, "First Spend Discount")
    fill_in_checkout(page, town)
    place = page.get_by_role("button", name="Place order")
    place.dblclick(no_wait_after=True)
    expect(page.get_by_role("heading", name="Thank you, Mia")).to_be_visible()
    number = order_number(page)

    page.goto(f"{town.url}/account")

    assert town.live_uses("1001", "first-spend") == 1
    expect(page.get_by_role("main")).to_contain_text(number)
    assert page.get_by_role("main").get_by_role("link", name=re.compile(r"\d{5,}")).count() <= 2


def test_omneo_down_leaves_a_shop_that_sells(town: Town, page: Page) -> None:
    assert town.running.sandbox is not None
    town.running.sandbox.close()  # before she signs in: her benefits are read ahead then
    sign_in(page, town, "Mia Ngo")
    fill_a_cart(page, town)
    page.goto(f"{town.url}/account/benefits")
    expect(page.get_by_role("heading", name="Your benefits")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("loyalty programme")

    fill_in_checkout(page, town)
    place_order(page)

    expect(page.get_by_role("heading", name="Thank you, Mia")).to_be_visible()


def test_a_shopper_returns_a_piece_and_then_cancels_the_rest(town: Town, page: Page) -> None:
    sign_in(page, town, "Mia Ngo")
    fill_a_cart(page, town)
    fill_a_cart(page, town)
    apply(page, town, "First Spend Discount")
    fill_in_checkout(page, town)
    place_order(page)
    number = order_number(page)

    page.get_by_role("link", name="View your order").click()
    page.get_by_role("link", name="Return items").click()
    page.get_by_label("Harbour linen shirt").select_option("1")
    page.get_by_role("button", name="Review the refund").click()
    expect(page.get_by_role("main")).to_contain_text("stays used, because you keep a part of the order")
    page.get_by_role("button", name="Return and refund $116.10").dblclick(no_wait_after=True)
    refunds = page.get_by_role("region", name="Refunds")
    expect(refunds.get_by_role("listitem")).to_have_count(1)
    expect(refunds).to_contain_text("$116.10")
    after_a_part = town.live_uses("1001", "first-spend")

    page.get_by_role("link", name="Cancel order").click()
    expect(page.get_by_role("main")).to_contain_text("First Spend Discount is returned to you too")
    page.get_by_role("button", name="Cancel the order and refund $126.05").click()
    expect(page.get_by_role("main")).to_contain_text("$242.15 went back to your card")
    record = page.get_by_role("region", name="Loyalty record")
    for _ in range(240):
        if "Recorded as cancelled" in record.inner_text() and "given back" in record.inner_text():
            break
        page.wait_for_timeout(250)
        page.reload()

    expect(record).to_contain_text("Recorded as cancelled")
    assert after_a_part == 1
    assert town.live_uses("1001", "first-spend") == 0
    assert [sale["is_void"] for sale in town.transaction(number)] == [1]
