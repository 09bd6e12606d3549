"""The loyalty record of an order page: what was used, and whether Omneo has the sale."""

from __future__ import annotations

import logging

from flask import has_request_context, render_template
from markupsafe import Markup

from claimable_benefits.domain.references import order_number_of
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.domain.states import UseState
from claimable_benefits.domain.values import Id
from claimable_benefits.service.orders.record import OrderRecord
from claimable_benefits.web.current import LOADER_FAILURES, context, runtime, services, stylesheet_url
from claimable_benefits.web.rendering import messages
from claimable_benefits.web.rendering.formatting import formatter_of
from claimable_benefits.web.rendering.sanitize import name_of, plain, safe_html

_log = logging.getLogger("claimable_benefits")
_USED = (UseState.REDEEMED, UseState.CONSUMED)
_FALLBACK = Markup(
    '<section class="cb cb-record" aria-labelledby="cb-record-title">'
    '<h2 class="cb-panel__title" id="cb-record-title">Loyalty record</h2>\n<p>{}</p></section>'
)


def benefits_record(order_number: Id) -> Markup:
    """The region "Loyalty record" of an order page. Never raises.

    The page that calls this checks that the order is the shopper's: the record is shown with the order.
    """
    try:
        return Markup(_record(order_number_of(order_number)))  # noqa: S704 - rendered by an autoescaping template
    except Exception:  # noqa: BLE001 - no error may break the shop's page
        _log.exception("The loyalty record of an order cannot be shown.")
        return _FALLBACK.format(messages.RECORD_DOWN)


def _record(order_number: str) -> str:
    record = services().read_record(context(), order_number)
    values = _values(record) if record else {}
    return render_template(
        "claimable_benefits/record.html",
        record=record,
        stylesheet=stylesheet_url(),
        order_number=order_number,
        **values,
    )


def _values(record: OrderRecord) -> dict[str, object]:
    used = record.use_state in _USED
    return {
        "benefit": name_of(record.benefit_name, "") if record.benefit_name else "",
        "use_state": messages.use_state(record.use_state),
        "redemption": messages.redemption(record),
        "delivered": messages.delivered(record, formatter_of(_shopper())),
        "transaction": record.transaction_id or "None yet",
        "code": plain(record.code) if used else "",
        "instructions": safe_html(record.instructions) if used else Markup(),
    }


def _shopper() -> Shopper | None:
    """The shopper, for their locale alone: without one the record is written in the shop's."""
    if not has_request_context():  # an e-mail of a worker
        return None
    try:
        return runtime().load_shopper()
    except LOADER_FAILURES as error:
        runtime().report_loader(error)
        return None
