"""The return pages: choose what to return, see the refund, confirm it once."""

from __future__ import annotations

import re
from uuid import uuid4

from flask import Blueprint, abort, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from example_shop import refund_flow
from example_shop.extensions import benefits
from example_shop.orders import returns
from example_shop.pages.order import own
from example_shop.storage.models import Order, State

blueprint = Blueprint("returns", __name__)
_REFERENCE = re.compile(r"[0-9a-f]{32}")


@blueprint.get("/orders/<number>/return")
def choose(number: str) -> str | Response:
    """Let the shopper choose what to return; once they have, show what that refunds."""
    order = own(number)
    if order.state is not State.PAID or order.is_imported:
        return redirect(url_for("orders.show", number=number))
    return _page(order, _wanted(request.args))


@blueprint.post("/orders/<number>/return")
def confirm(number: str) -> str | Response | tuple[str, int]:
    """Refund what the page showed, once for each page."""
    order, wanted, reference = own(number), _wanted(request.form), request.form.get("reference", "")
    if not _REFERENCE.fullmatch(reference):
        abort(400, "This form is incomplete. Go back to the order.")
    if order.is_imported:
        abort(404)
    try:
        refund_flow.refund(order, wanted, request.form.get("shown_amount", ""), reference)
    except refund_flow.NotAgreed as no:
        if order.state is State.PAID:
            return _page(order, wanted, problem=str(no)), 409
    return redirect(url_for("orders.show", number=number), 303)


def _page(order: Order, wanted: dict[int, int] | None, problem: str | None = None) -> str:
    what = returns.everything(order) if wanted is None else returns.returning(order, wanted)
    return render_template(
        "return.html",
        order=order,
        left=[rest for rest in returns.left(order) if rest.quantity],
        what=what,
        cancels=wanted is None,
        reference=uuid4().hex,
        is_benefit_refundable=bool(what.parts) and benefits.is_refundable(order.number, full_refund=what.is_full),
        is_refundable_in_full=benefits.is_refundable(order.number),
        problem=problem,
    )


def _wanted(form: MultiDict[str, str]) -> dict[int, int] | None:
    """Read the pieces by position of the line; None for all that is left."""
    if "all" in form:
        return None
    try:
        numbers = {int(key.removeprefix("line-")): int(form[key]) for key in form if key.startswith("line-")}
    except ValueError:
        abort(400, "The quantity must be a whole number.")
    return {position: quantity for position, quantity in numbers.items() if quantity > 0}
