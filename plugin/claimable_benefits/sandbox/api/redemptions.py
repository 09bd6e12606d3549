"""Redemptions: using benefits, in the three forms, and what was used (Omneo facts 8 and 9)."""

from __future__ import annotations

import json
import sqlite3

from flask import Blueprint, Response, request

from claimable_benefits.sandbox.api import benefits, definitions, profiles, redemption_views
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body, row_id
from claimable_benefits.sandbox.protocol.error_responses import Problem, missing, refused
from claimable_benefits.sandbox.protocol.list_query import Filter, Source, page
from claimable_benefits.sandbox.protocol.responses import Body, created, one
from claimable_benefits.sandbox.rules.redemption_rules import REDEEMABLE, begun_by, refusal
from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState, request_state
from claimable_benefits.sandbox.tokens.members import is_member
from claimable_benefits.sandbox.webhooks import events

bp = Blueprint("redemptions", __name__)

Uses = list[tuple[sqlite3.Row, int]]
_ITEMS = "SELECT 1 FROM redemption_items n WHERE n.redemption_id = r.id"
LIST = Source(
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
    here, form = request_state(), RequestForm(body())
    with here.writing():
        benefit = benefits.owned(here, profile_id, row_id(benefit_id))
        zone = form.zone() or benefit["timezone"]
        used_at, reference = form.moment("issued_at", zone), form.text("external_id")
        form.check()
        first = _earlier(here, reference)
        if first is None:
            facts = {"timezone": zone, "redeem_at": used_at or here.stamp, "external_id": reference}
            made = redeem(here, profile_id, [(benefit, 1)], facts)
    return (
        one(redemption_views.shown(here, first)) if first is not None else created(redemption_views.shown(here, made))
    )


@bp.post("/profiles/<profile_id>/benefits/<benefit_id>/redeem")
def redeem_by_count(profile_id: str, benefit_id: str) -> Response:
    """Use a benefit ``count`` times, once by default."""
    here, form = request_state(), RequestForm(body())
    count = form.whole("count", least=1)
    form.check()
    with here.writing():
        benefit = benefits.owned(here, profile_id, row_id(benefit_id))
        facts: Body = {"timezone": benefit["timezone"], "redeem_at": here.stamp}
        made = redeem(here, profile_id, [(benefit, count or 1)], facts)
    return created(redemption_views.shown(here, made))


@bp.post("/profiles/<profile_id>/redeem")
def redeem_by_strategy(profile_id: str) -> Response:
    """Use several benefits at once, all or none, tied to an order by its future number."""
    here, form = request_state(), RequestForm(body())
    check_strategies(form)
    facts: Body = {
        "transaction_external_id": form.text("transaction_external_id"),
        "transaction_receipt_ref": form.text("transaction_receipt_ref"),
        "location_id": form.whole("location_id"),
        "meta": json.dumps(form.mapping("meta")) if form.anything("meta") is not None else None,
        "redeem_at": here.stamp,
        "timezone": here.zone,
    }
    with here.writing():
        profiles.known(here, profile_id)
        uses = _uses(here, profile_id, form)
        made = redeem(here, profile_id, uses, facts)
    return created(redemption_views.successful(here, made))


@bp.get("/redemptions")
def browse_redemptions() -> Response:
    """List every redemption, returns and reversals among them."""
    return _page(Filter())


@bp.get("/redemptions/<redemption_id>")
def read_redemption(redemption_id: str) -> Response:
    """Read one redemption."""
    here = request_state()
    return one(redemption_views.shown(here, known(here, row_id(redemption_id))))


@bp.get("/profiles/<profile_id>/redemptions")
def browse_profile_redemptions(profile_id: str) -> Response:
    """List a profile's redemptions."""
    profiles.known(request_state(), profile_id)
    where = Filter()
    where.add("r.profile_id = ?", profile_id)
    return _page(where)


@bp.get("/profiles/<profile_id>/redemptions/<redemption_id>")
def read_profile_redemption(profile_id: str, redemption_id: str) -> Response:
    """Read one redemption of a profile."""
    here = request_state()
    profiles.known(here, profile_id)
    row = known(here, row_id(redemption_id))
    if row["profile_id"] != profile_id:
        raise missing("redemption")
    return one(redemption_views.shown(here, row))


@bp.get("/profiles/<profile_id>/redemptions/<kind>/<instance_id>/count")
def count_redemptions(profile_id: str, kind: str, instance_id: str) -> Response:
    """Count the uses of one instance that stand: those undone do not count."""
    here = request_state()
    profiles.known(here, profile_id)
    if kind.removesuffix("s") not in _KINDS:
        raise missing("kind of redemption")
    benefit = here.db.execute(
        "SELECT used FROM benefits WHERE id = ? AND profile_id = ?", (row_id(instance_id), profile_id)
    ).fetchone()
    return one({"count": benefit["used"] if benefit is not None and kind.startswith("benefit") else 0})


def check_strategies(form: RequestForm) -> None:
    """Note a fault when a body asks for more than benefits: rewards, points and credits are not kept here."""
    if form.strings("strategies") != ["benefits"]:
        form.fault("strategies", 'This sandbox knows the strategy ["benefits"] only.')


def known(scene: RequestState, redemption_id: int) -> sqlite3.Row:
    """Return a redemption's row, or raise 404."""
    row = store.find(scene.db, "redemptions", redemption_id)
    if row is None:
        raise missing("redemption")
    return row


def redeem(scene: RequestState, profile_id: str, uses: Uses, facts: Body) -> sqlite3.Row:
    """Use benefits, or raise 422 for the first that cannot be used; to be called while writing (16.18 to 16.22)."""
    number = note(scene, profile_id, "redeem", facts)
    for stale, count in uses:
        benefit = benefits.known(scene, stale["id"])
        definition = definitions.known(scene, benefit["definition_id"])
        why = refusal(benefit, definition, count, scene.stamp, begun_by(scene.stamp, scene.switches))
        if why is not None:
            raise refused(**{why[0]: why[1]})
        _check_member(scene, definition)
        spend(scene, benefit, count)
        note_item(scene, number, benefit["id"], count)
    return known(scene, number)


def _check_member(scene: RequestState, definition: sqlite3.Row) -> None:
    """Refuse a member's own use of what only the shop may use, as the switch ``allow_user_redeem`` says."""
    alone = is_member() and scene.switches["allow_user_redeem"] == "enforced"
    if alone and not definitions.doc_of(definition).get("allow_user_redeem"):
        raise refused(benefit="Members cannot use this benefit themselves.")


def note(scene: RequestState, profile_id: str, kind: str, facts: Body) -> int:
    """Insert a redemption of type redeem, return or reversal, and answer its number."""
    times = {"created_at": scene.stamp, "updated_at": scene.stamp}
    return store.insert(scene.db, "redemptions", {"profile_id": profile_id, "type": kind} | facts | times)


def note_item(scene: RequestState, redemption_id: int, benefit_id: int, count: int) -> None:
    """Insert what a redemption used, or gave back."""
    times = {"created_at": scene.stamp, "updated_at": scene.stamp}
    row: Body = {"redemption_id": redemption_id, "benefit_id": benefit_id, "count": count}
    store.insert(scene.db, "redemption_items", row | times)


def spend(scene: RequestState, benefit: sqlite3.Row, count: int) -> None:
    """Move the counters of a benefit and its definition; a negative count gives back (16.21)."""
    used = "UPDATE benefits SET used = max(0, used + ?), updated_at = ? WHERE id = ?"
    scene.db.execute(used, (count, scene.stamp, benefit["id"]))
    total = "UPDATE definitions SET total_global_redemptions = max(0, total_global_redemptions + ?) WHERE id = ?"
    scene.db.execute(total, (count, benefit["definition_id"]))
    events.record(scene, "benefit.updated", "benefit", benefit["id"], benefit["profile_id"])
    if count > 0:
        events.record(scene, "benefit.redeemed", "benefit", benefit["id"], benefit["profile_id"])


def _page(where: Filter) -> Response:
    here, source = request_state(), LIST
    for name in ("has_benefit", "has_reward", "has_point", "has_credit"):
        if request.args.get(name, "").lower() in ("1", "true"):  # the bare form that a live test uses
            where.add(LIST.columns[name][0])
    if here.switches["external_id_filter"] == "ignored":
        source = Source(LIST.table, LIST.rows, LIST.columns, ignored=frozenset({"external_id"}))
    return page(here, source, where, lambda rows: [redemption_views.shown(here, row) for row in rows])


def _earlier(scene: RequestState, reference: str | None) -> sqlite3.Row | None:
    """Return the redemption to answer instead of making one, as the switch ``duplicate_external_id`` says (16.23)."""
    kind = scene.switches["duplicate_external_id"]
    if reference is None or kind == "allow":
        return None
    first: sqlite3.Row | None = scene.db.execute(
        "SELECT * FROM redemptions WHERE external_id = ? AND type = 'redeem' ORDER BY id", (reference,)
    ).fetchone()
    if first is not None and kind == "reject":
        raise refused(external_id="A redemption with this external_id exists.")
    return first


def _uses(scene: RequestState, profile_id: str, form: RequestForm) -> Uses:
    uses: Uses = []
    for wanted in form.forms("benefits"):
        number, handle = wanted.whole("id"), wanted.text("handle")
        count = wanted.whole("quantity", least=1)
        try:
            row = usable(scene, profile_id, handle) if number is None else benefits.owned(scene, profile_id, number)
            uses.append((row, count or 1))
        except Problem:
            wanted.fault("id", "This profile has no such benefit.")
    if not uses:
        form.fault("benefits", "benefits must name at least one benefit of this profile.")
    form.check()
    return uses


def usable(scene: RequestState, profile_id: str, handle: str | None) -> sqlite3.Row:
    """Return the benefit of this kind that ends first of those a profile can use now, or raise 404."""
    row: sqlite3.Row | None = scene.db.execute(
        "SELECT b.* FROM benefits b JOIN definitions d ON d.id = b.definition_id"  # noqa: S608 - the rule is ours
        f" WHERE d.handle = ? AND b.profile_id = ? AND {REDEEMABLE} ORDER BY b.expires_at IS NULL, b.expires_at, b.id",
        (handle, profile_id, scene.stamp, begun_by(scene.stamp, scene.switches)),
    ).fetchone()
    if row is None:
        raise missing("benefit")
    return row
