"""The rows of the account page's history."""

from __future__ import annotations

from dataclasses import dataclass

from claimable_benefits.service.account.history import Entry
from claimable_benefits.web.addresses import order_url
from claimable_benefits.web.current import url
from claimable_benefits.web.rendering.formatting import Formatter, When
from claimable_benefits.web.rendering.sanitize import name_of, plain

WITH_RECEIPT = ("account", "claim")
_WHERE = {
    "checkout": "At checkout",
    "account": "From your account",
    "store": "In a store",
    "claim": "As you claimed it",
}


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One use: what, when, where. ``link`` leads to the order or the receipt, named by ``link_text``."""

    name: str
    used: When
    where: str
    link: str | None
    link_text: str
    is_returned: bool
    pending: bool


def history_row(entry: Entry, formatter: Formatter) -> HistoryRow:
    """Make the row of one use."""
    return HistoryRow(
        name=name_of(entry.name, ""),
        used=formatter.on(entry.used_at),
        where=_WHERE.get(entry.where, ""),
        link=_link(entry),
        link_text=_link_text(entry),
        is_returned=entry.is_returned,
        pending=entry.pending,
    )


def _link_text(entry: Entry) -> str:
    if entry.order_number:
        return f"Order {plain(entry.order_number)}"
    return "Code and instructions" if entry.where in WITH_RECEIPT and entry.use_id else ""


def _link(entry: Entry) -> str | None:
    if entry.order_number and entry.where == "checkout":
        return order_url(entry.order_number)
    if not entry.order_number and entry.where in WITH_RECEIPT and entry.use_id:
        return url("receipt", use_id=entry.use_id)
    return None
