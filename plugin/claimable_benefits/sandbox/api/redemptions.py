"""Redemptions: using benefits, in the three forms, and what was used (Omneo facts 8 and 9)."""

from __future__ import annotations

import json
import sqlite3

from flask import Blueprint, Response, request

from claimable_benefits.sandbox.api import benefits
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.error_responses import Problem, not_found, refused
from claimable_benefits.sandbox.protocol.list_query import Filter, ListSource, paginate
from claimable_benefits.sandbox.protocol.references import get_or_404
from claimable_benefits.sandbox.protocol.responses import Body, created, single
from claimable_benefits.sandbox.rules.redemption_rules import REDEEMABLE, latest_start, refusal_reason
from claimable_benefits.sandbox.serializers.definitions import free_fields
from claimable_benefits.sandbox.serializers.redemptions import serialize_redemption, serialize_successful_redemption
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.tokens.members import is_member
from claimable_benefits.sandbox.webhooks.events import record_event

bp = Blueprint("redemptions", __name__)

Uses = list[tuple[sqlite3.Row, int]]
_ITEMS = "SELECT 1 FROM redemption_items n WHERE n.redemption_id = r.id"
LIST = ListSource(
    "redemptions r",
    "r.*",
    {
        **{name: (f"r.{name}", "number") for name in ("id", "location_id", "transaction_id")},
        **{
            name: (f"r.{name}", "text")
            for name in (
                "type",
                "external_id",
                "profile_id",
                "meta",
                "transaction_external_id",
                "transaction_receipt_ref",
            )
        },
        **{name: (f"r.{name}", "time") for name in ("redeem_at", "created_at", "updated_at")},
        "has_benefit": (f"EXISTS ({_ITEMS})", "exists"),
        **dict.fromkeys(("has_reward", "has_point", "has_credit"), ("0", "exists")),
        **dict.fromkeys(("linked_source_id", "linked_source_type", "exchange_rate"), ("NULL", "text")),
    },
)
_KINDS = ("benefit", "reward", "point", "credit")


@bp.post("/profiles/<profile_id>/benefits/<benefit_id>/redemptions")
def redeem_with_reference(profile_id: str, benefit_id: str) -> Response:
    """Use a benefit once, as the guide has it: ``{issued_at, timezone, external_id}``."""
    state, form = request_state(), RequestForm(body())
    with state.writing():
        benefit = benefits.get_owned_or_404(state, profile_id, row_id(benefit_id))
        zone = form.zone() or benefit["timezone"]
        used_at, reference = form.moment("issued_at", state.sent_zone(zone)), form.text("external_id")
        form.check()
        first = _find_duplicate(state, reference)
        if first is None:
            facts = {"timezone": zone, "redeem_at": used_at or state.stamp, "external_id": reference}
            made = redeem(state, profile_id, [(benefit, 1)], facts)
    return (
        single(serialize_redemption(state, first)) if first is not None else created(serialize_redemption(state, made))
    )


@bp.post("/profiles/<profile_id>/benefits/<benefit_id>/redeem")
def redeem_by_count(profile_id: str, benefit_id: str) -> Response:
    """Use a benefit ``count`` times, once by default."""
    state, form = request_state(), RequestForm(body())
    count = form.integer("count", least=1)
    form.check()
    with state.writing():
        benefit = benefits.get_owned_or_404(state, profile_id, row_id(benefit_id))
        facts: Body = {"timezone": benefit["timezone"], "redeem_at": state.stamp}
        made = redeem(state, profile_id, [(benefit, count or 1)], facts)
    return created(serialize_redemption(state, made))


@bp.post("/profiles/<profile_id>/redeem")
def redeem_by_strategy(profile_id: str) -> Response:
    """Use several benefits at once, all or none, tied to an order by its future number."""
    state, form = request_state(), RequestForm(body())
    check_strategies(form)
    facts: Body = {
        "transaction_external_id": form.text("transaction_external_id"),
        "transaction_receipt_ref": form.text("transaction_receipt_ref"),
        "location_id": form.integer("location_id"),
        "meta": json.dumps(form.mapping("meta")) if form.raw("meta") is not None else None,
        "redeem_at": state.stamp,
        "timezone": state.zone,
    }
    with state.writing():
        get_or_404(state, "profiles", profile_id)
        uses = _uses(state, profile_id, form)
        made = redeem(state, profile_id, uses, facts)
    return created(serialize_successful_redemption(state, made))


@bp.get("/redemptions")
def browse_redemptions() -> Response:
    """List every redemption, returns and reversals among them."""
    return _page(Filter())


@bp.get("/redemptions/<redemption_id>")
def read_redemption(redemption_id: str) -> Response:
    """Read one redemption."""
    state = request_state()
    return single(serialize_redemption(state, get_or_404(state, "redemptions", row_id(redemption_id))))


@bp.get("/profiles/<profile_id>/redemptions")
def browse_profile_redemptions(profile_id: str) -> Response:
    """List a profile's redemptions."""
    get_or_404(request_state(), "profiles", profile_id)
    where = Filter()
    where.add("r.profile_id = ?", profile_id)
    return _page(where)


@bp.get("/profiles/<profile_id>/redemptions/<redemption_id>")
def read_profile_redemption(profile_id: str, redemption_id: str) -> Response:
    """Read one redemption of a profile."""
    state = request_state()
    get_or_404(state, "profiles", profile_id)
    row = get_or_404(state, "redemptions", row_id(redemption_id))
    if row["profile_id"] != profile_id:
        raise not_found("redemption")
    return single(serialize_redemption(state, row))


@bp.get("/profiles/<profile_id>/redemptions/<kind>/<instance_id>/count")
def count_redemptions(profile_id: str, kind: str, instance_id: str) -> Response:
    """Count the uses of one instance; those rolled back do not count."""
    state = request_state()
    get_or_404(state, "profiles", profile_id)
    if kind.removesuffix("s") not in _KINDS:
        raise not_found("kind of redemption")
    benefit = state.db.execute(
        "SELECT used FROM benefits WHERE id = ? AND profile_id = ?", (row_id(instance_id), profile_id)
    ).fetchone()
    return single({"count": benefit["used"] if benefit is not None and kind.startswith("benefit") else 0})


def check_strategies(form: RequestForm) -> None:
    """Add an error when a body names more than benefits: rewards, points and credits are not kept here."""
    if form.strings("strategies") != ["benefits"]:
        form.add_error("strategies", 'This sandbox knows the strategy ["benefits"] only.')


def redeem(state: RequestState, profile_id: str, uses: Uses, facts: Body) -> sqlite3.Row:
    """Use benefits, or raise 422 for the first that cannot be used; call it inside `writing()` (16.18 to 16.22)."""
    number = insert_redemption(state, profile_id, "redeem", facts)
    for stale, count in uses:
        benefit = get_or_404(state, "benefits", stale["id"])
        definition = get_or_404(state, "definitions", benefit["definition_id"])
        why = refusal_reason(benefit, definition, count, state.stamp, latest_start(state.stamp, state.switches))
        if why is not None:
            raise refused(**{why[0]: why[1]})
        _check_member(state, definition)
        count_uses(state, benefit, count)
        insert_item(state, number, benefit["id"], count)
    return get_or_404(state, "redemptions", number)


def _check_member(state: RequestState, definition: sqlite3.Row) -> None:
    """Refuse a member's own use of what only the shop may use, as the switch ``allow_user_redeem`` says."""
    alone = is_member() and state.switches["allow_user_redeem"] == "enforced"
    if alone and not free_fields(definition).get("allow_user_redeem"):
        raise refused(benefit="Members cannot use this benefit themselves.")


def insert_redemption(state: RequestState, profile_id: str, kind: str, facts: Body) -> int:
    """Insert a redemption of type redeem, return or reversal, and answer its number."""
    times = {"created_at": state.stamp, "updated_at": state.stamp}
    return store.insert(state.db, "redemptions", {"profile_id": profile_id, "type": kind} | facts | times)


def insert_item(state: RequestState, redemption_id: int, benefit_id: int, count: int) -> None:
    """Insert what a redemption used or returned."""
    times = {"created_at": state.stamp, "updated_at": state.stamp}
    row: Body = {"redemption_id": redemption_id, "benefit_id": benefit_id, "count": count}
    store.insert(state.db, "redemption_items", row | times)


def count_uses(state: RequestState, benefit: sqlite3.Row, count: int) -> None:
    """Move the counters of a benefit and its definition; a negative count returns uses (16.21)."""
    used = "UPDATE benefits SET used = max(0, used + ?), updated_at = ? WHERE id = ?"
    state.db.execute(used, (count, state.stamp, benefit["id"]))
    total = "UPDATE definitions SET total_global_redemptions = max(0, total_global_redemptions + ?) WHERE id = ?"
    state.db.execute(total, (count, benefit["definition_id"]))
    record_event(state, "benefit.updated", "benefit", benefit["id"], benefit["profile_id"])
    if count > 0:
        record_event(state, "benefit.redeemed", "benefit", benefit["id"], benefit["profile_id"])


def _page(where: Filter) -> Response:
    state, source = request_state(), LIST
    for name in ("has_benefit", "has_reward", "has_point", "has_credit"):
        if request.args.get(name, "").lower() in ("1", "true"):  # the bare form that a live test uses
            where.add(LIST.columns[name][0])
    if state.switches["external_id_filter"] == "ignored":
        source = ListSource(LIST.table, LIST.rows, LIST.columns, ignored=frozenset({"external_id"}))
    return paginate(state, source, where, lambda rows: [serialize_redemption(state, row) for row in rows])


def _find_duplicate(state: RequestState, reference: str | None) -> sqlite3.Row | None:
    """Return the redemption to answer instead of making one, as the switch ``duplicate_external_id`` says (16.23)."""
    kind = state.switches["duplicate_external_id"]
    if reference is None or kind == "allow":
        return None
    first: sqlite3.Row | None = state.db.execute(
        "SELECT * FROM redemptions WHERE external_id = ? AND type = 'redeem' ORDER BY id", (reference,)
    ).fetchone()
    if first is not None and kind == "reject":
        raise refused(external_id="A redemption with this external_id exists.")
    return first


def _uses(state: RequestState, profile_id: str, form: RequestForm) -> Uses:
    uses: Uses = []
    for wanted in form.objects("benefits"):
        number, handle = wanted.integer("id"), wanted.text("handle")
        count = wanted.integer("quantity", least=1)
        try:
            row = (
                get_usable_or_404(state, profile_id, handle)
                if number is None
                else benefits.get_owned_or_404(state, profile_id, number)
            )
            uses.append((row, count or 1))
        except Problem:
            wanted.add_error("id", "This profile has no such benefit.")
    if not uses:
        form.add_error("benefits", "benefits must name at least one benefit of this profile.")
    form.check()
    return uses


def get_usable_or_404(state: RequestState, profile_id: str, handle: str | None) -> sqlite3.Row:
    """Return the benefit of this kind that ends first of those a profile can use now, or raise 404."""
    row: sqlite3.Row | None = state.db.execute(
        "SELECT b.* FROM benefits b JOIN definitions d ON d.id = b.definition_id"  # noqa: S608 - the rule is ours
        f" WHERE d.handle = ? AND b.profile_id = ? AND {REDEEMABLE} ORDER BY b.expires_at IS NULL, b.expires_at, b.id",
        (handle, profile_id, state.stamp, latest_start(state.stamp, state.switches)),
    ).fetchone()
    if row is None:
        raise not_found("benefit")
    return row
