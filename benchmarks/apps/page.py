"""The page that all apps render: its benefits as Omneo sends them, and as cards for the bare page."""

from __future__ import annotations

from typing import Any

HELD, CLAIMABLE = 8, 4  # a page of a dozen
BY_ONE_CLICK = 2  # held benefits with a button "Use now"; with the claimable ones the page has six forms
ISSUED, EXPIRES = "2026-01-02 00:00:00", "2099-12-31 10:00:00"
CUSTOMER = f"c-{HELD}-{CLAIMABLE}-mia"
MOST = 600  # benefits of the largest wallet that is measured


def policies(kinds: int = MOST) -> str:
    """Return the policies of as many kinds of benefits."""
    return "".join(
        f'[held-{n}]\ndiscount = "none"\nused_at = "{"account" if n < BY_ONE_CLICK else "checkout"}"\n'
        for n in range(kinds)
    )


def kind(handle: str, number: int, **more: object) -> dict[str, Any]:
    """Return a definition with texts of the usual length."""
    return {
        "id": 1000 + number,
        "handle": handle,
        "name": f"Benefit {handle}",
        "short_description": f"What {handle} brings you, in a sentence that a shopper may read at a glance.",
        "long_description": f"<p>All about {handle}:</p><ul><li>One thing</li><li>And <b>another</b></li></ul>" * 2,
        "terms_conditions": f"<p>One use of {handle} per member. Not together with others, nor on gift cards.</p>",
        "earn_instructions": "<p>Yours for being a member.</p>",
        "redeem_instructions_online": f"<p>Choose {handle} in the checkout before you pay.</p>",
        "redeem_instructions_store": "<p>Show this page at the counter.</p>",
        "period": 30,
        "period_type": "days",
        "max_redemptions": 1,
        "is_published": True,
        **more,
    }


def held_of(number: int, profile_id: str) -> dict[str, Any]:
    """Return a benefit as Omneo lists it."""
    return {
        "id": number + 1,
        "profile_id": profile_id,
        "issued_at": ISSUED,
        "expires_at": EXPIRES,
        "timezone": "UTC",
        "is_expired": False,
        "is_redeemable": True,
        "redemptions_remaining": 1,
        "definition": kind(f"held-{number}", number),
    }


def claimable_of(number: int) -> dict[str, Any]:
    """Return a definition as Omneo lists it among the claimable ones."""
    return kind(f"open-{number}", 5000 + number, is_claimable=True, claim_period_end_at=EXPIRES)


def cards(held: list[dict[str, Any]], claimable: list[dict[str, Any]], token: str) -> dict[str, Any]:
    """Return the variables of the plain template."""
    usable = [{**one["definition"], "id": one["id"], "one_click": n < BY_ONE_CLICK} for n, one in enumerate(held)]
    return {"usable": usable, "claimable": claimable, "token": token, "iso": "2099-12-31T10:00:00+00:00"}
