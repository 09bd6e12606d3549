"""Look up at Omneo what became of a request whose answer was lost. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from claimable_benefits.domain.benefits import Redemption
from claimable_benefits.domain.evidence import (
    ABSENT,
    SKEW,
    UNCLEAR,
    Evidence,
    Finding,
    find_by_reference,
    find_claimed,
    find_claimed_use,
)
from claimable_benefits.domain.states import UseState
from claimable_benefits.domain.uses_left import (
    BenefitRecord,
    Doubt,
    RollbackDoubt,
    assign_redemptions,
    find_listed_rollback,
    find_rollback,
)
from claimable_benefits.errors import InvalidResponse, Rejected
from claimable_benefits.ledger.claims import Claim, claimed_ids
from claimable_benefits.ledger.events import events_of
from claimable_benefits.ledger.outbox import find_delivery
from claimable_benefits.ledger.retention.tombstones import pruned_ids
from claimable_benefits.ledger.uses import Use, concurrent_rollbacks, owned_ids, uses_of_benefit
from claimable_benefits.service.context import Context


def look_up_redemption(ctx: Context, use: Use) -> Finding:
    """Look up whether Omneo has a redemption for this use. Raises `OmneoError` where it cannot be asked.

    Our reference decides where the tenant keeps references and filters by them; else the profile's redemptions and the
    uses left are the evidence, for all our doubts on this benefit together.
    """
    if use.channel == "claim":
        return _look_up_claimed_use(ctx, use)
    named = _named(ctx, use)
    if named is not None:
        finding = find_by_reference(use.reference, named, _owned(ctx, use, "redemption_id"))
        if finding.evidence is Evidence.FOUND or ctx.omneo.keeps_references():
            return finding
    if use.redemption_id is not None:
        return ABSENT  # a second redemption is known to be ours by its reference only
    finding = _by_uses_left(ctx, use)
    doubly_doubtful = named is not None and ctx.omneo.keeps_references() is None
    return UNCLEAR if finding.evidence is Evidence.FOUND and doubly_doubtful and not finding.is_named else finding


def _named(ctx: Context, use: Use) -> Sequence[Redemption] | None:
    """Read the redemptions with our reference; None where the tenant cannot filter by it.

    Where it is known to filter, an answer that cannot be read decides nothing: it raises `InvalidResponse`.
    """
    try:
        return ctx.omneo.redemptions_by_reference(use.reference)
    except Rejected:
        return None
    except InvalidResponse:
        if _references_decide(ctx):
            raise
        return None


def _references_decide(ctx: Context) -> bool:
    """Whether our reference is known to decide: the baseline of such a tenant's uses is as old as their hold."""
    return bool(ctx.omneo.keeps_references() and ctx.omneo.filters_by_reference())


def _by_uses_left(ctx: Context, use: Use) -> Finding:
    _own, group = _read_own(ctx, use)
    record = _read_record(ctx, use, min(map(_asked_at, group)))
    # Read again after the list: a use that took one of its redemptions has committed it by now, or is still in doubt.
    own, group = _read_own(ctx, use)
    owned = _owned(ctx, use, "redemption_id")
    in_flight = sum(one.state is UseState.REDEEMING for one in own)
    doubts = [_doubt(ctx, one) for one in group]
    return assign_redemptions(doubts, record, own, owned, in_flight=in_flight)[use.use_id]


def _read_own(ctx: Context, use: Use) -> tuple[list[Use], list[Use]]:
    """Read our other uses of the same benefit, and those that are in doubt together with this one."""
    with ctx.ledger.read() as connection:
        sent = uses_of_benefit(connection, use.profile_id, use.benefit_id)
    own = [one for one in sent if one.use_id != use.use_id]
    return own, [use, *(one for one in own if one.state is UseState.IN_DOUBT)]


def _asked_at(use: Use) -> datetime:
    return use.sent_at or use.updated_at


def _doubt(ctx: Context, use: Use) -> Doubt:
    at = _asked_at(use)
    is_open = use.state in (UseState.REDEEMING, UseState.IN_DOUBT)
    # A released use is looked up until now: its request may have arrived later than an answer could be expected.
    until = at + ctx.timing.trust_absence_after if is_open else _released_at(ctx, use) or ctx.clock()
    external_id = _external_id_of(ctx, use.order_number) if use.order_number is not None else None
    return Doubt(use.use_id, use.reference, at, until, use.baseline_remaining, external_id, is_open=is_open)


def _external_id_of(ctx: Context, order_number: str) -> str:
    """The order's name at Omneo: an order that is submitted keeps the one that it has got."""
    with ctx.ledger.read() as connection:
        delivery = find_delivery(connection, order_number)
    return delivery.external_id if delivery is not None else ctx.ledger.external_id_of(order_number)


def _released_at(ctx: Context, use: Use) -> datetime | None:
    """When Omneo answered 401, 403 or 429: a request that has its answer does not arrive later. None for all others."""
    with ctx.ledger.read() as connection:
        moves = events_of(connection, use.use_id)
    answered = (UseState.REDEEMING, UseState.RELEASED)
    return next((move.at for move in moves if (move.from_state, move.to_state) == answered), None)


def _read_record(ctx: Context, use: Use, since: datetime) -> BenefitRecord:
    """Read the benefit and its redemptions back to ``since``, with times by our clock: Omneo's may be an hour off.

    Where what is left changes while the list is read, the two do not belong together, and it counts as not readable.
    """
    before = ctx.omneo.benefit(use.profile_id, use.benefit_id)
    recent = ctx.omneo.redemptions(use.profile_id, until=_by_omneos_clock(ctx, since - SKEW))
    after = ctx.omneo.benefit(use.profile_id, use.benefit_id)
    ahead = ctx.omneo.clock_ahead_of(ctx.clock())
    redemptions = [_by_our_clock(one, ahead) for one in _without_pruned(ctx, recent)]
    is_readable = before is not None and after is not None and before.remaining == after.remaining
    remaining = after.remaining if after is not None and is_readable else None
    return BenefitRecord(use.benefit_id, redemptions, remaining, is_readable=is_readable)


def _without_pruned(ctx: Context, listed: Sequence[Redemption]) -> Sequence[Redemption]:
    """Leave out what belongs to a use that was pruned: neither its redemption nor its rollback is another use's."""
    with ctx.ledger.read() as connection:
        pruned = pruned_ids(connection, {one.id for one in listed})
    return [one for one in listed if one.id not in pruned]


def _by_our_clock(redemption: Redemption, ahead: timedelta) -> Redemption:
    created_at, redeemed_at = redemption.created_at, redemption.redeemed_at
    return replace(
        redemption,
        created_at=created_at - ahead if created_at else None,
        redeemed_at=redeemed_at - ahead if redeemed_at else None,
    )


def _look_up_claimed_use(ctx: Context, use: Use) -> Finding:
    sent_at = _by_omneos_clock(ctx, use.sent_at or use.updated_at)
    recent = ctx.omneo.redemptions(use.profile_id, until=sent_at - SKEW)
    owned = _owned(ctx, use, "redemption_id")
    listed = _without_pruned(ctx, recent)
    return find_claimed_use(use.reference, use.definition_handle, sent_at, listed, owned)


def look_up_rollback(ctx: Context, use: Use) -> Finding:
    """Look up whether this use is back at Omneo since the extension asked for it. Raises `OmneoError`."""
    sent_at = use.rollback_sent_at or use.updated_at
    record = _with_redemption_itself(ctx, use, _read_record(ctx, use, sent_at))
    counted = count_uses(ctx, use) if use.rollback_baseline_count is not None else None
    # Read after the list: a concurrent rollback that the list shows was committed before its call went out.
    with ctx.ledger.read() as connection:
        own = uses_of_benefit(connection, use.profile_id, use.benefit_id)
        concurrent = len(concurrent_rollbacks(connection, use))
        owned, owned_rollbacks = (owned_ids(connection, use, name) for name in ("redemption_id", "rollback_id"))
    baseline = use.rollback_baseline_remaining
    doubt = RollbackDoubt(
        use.use_id, use.redemption_id, sent_at, baseline, use.rollback_baseline_count, concurrent=concurrent
    )
    finding = find_rollback(doubt, record, own, owned, owned_rollbacks=owned_rollbacks, counted=counted)
    return look_up_earlier_rollback(ctx, use) if finding.evidence is Evidence.UNCLEAR else finding


def look_up_earlier_rollback(ctx: Context, use: Use) -> Finding:
    """Look up whether this use is back at Omneo since it was redeemed, whoever did it. Raises `OmneoError`.

    A voided sale or a person may have rolled it back before we asked: a reversal or return since the redemption that
    belongs to no use of ours. What was left just before the redemption is a second baseline.
    """
    since = use.sent_at or use.created_at
    record = _with_redemption_itself(ctx, use, _read_record(ctx, use, since))
    with ctx.ledger.read() as connection:
        own = uses_of_benefit(connection, use.profile_id, use.benefit_id)
        owned, owned_rollbacks = (owned_ids(connection, use, name) for name in ("redemption_id", "rollback_id"))
    if found := find_listed_rollback(record, since, owned_rollbacks):
        return Finding(Evidence.FOUND, found[0])
    if _references_decide(ctx) or use.baseline_remaining is None:
        return UNCLEAR
    doubt = RollbackDoubt(use.use_id, use.redemption_id, since, use.baseline_remaining - 1)
    return find_rollback(doubt, record, own, owned, owned_rollbacks=owned_rollbacks)


def _with_redemption_itself(ctx: Context, use: Use, record: BenefitRecord) -> BenefitRecord:
    """Add the redemption itself, which may be older than what was read of the list."""
    if use.redemption_id is None or any(one.id == use.redemption_id for one in record.redemptions):
        return record
    itself = ctx.omneo.redemption(use.profile_id, use.redemption_id)
    return record if itself is None else replace(record, redemptions=[*record.redemptions, itself])


def count_uses(ctx: Context, use: Use) -> int | None:
    """Read how often Omneo counts the benefit as used; None where the tenant does not count. Raises `OmneoError`."""
    return ctx.omneo.redemption_count(use.profile_id, use.benefit_id)


def look_up_claim(ctx: Context, claim: Claim) -> Finding:
    """Look up whether Omneo has the benefit that this claim asked for. Raises `OmneoError`."""
    try:
        held, problem = ctx.omneo.benefits(claim.profile_id, every=True), None
    except InvalidResponse as error:  # one benefit of theirs may be unreadable, and ours beside it
        held, problem = ctx.omneo.benefits(claim.profile_id), error
    with ctx.ledger.read() as connection:
        owned = claimed_ids(connection, claim.profile_id)
    finding = find_claimed(claim.reference, claim.definition_handle, _by_omneos_clock(ctx, claim.sent_at), held, owned)
    if problem is not None and finding.evidence is not Evidence.FOUND:
        raise problem
    return finding


def _by_omneos_clock(ctx: Context, at: datetime) -> datetime:
    """Convert to Omneo's clock, which stamps the evidence: ours may be wrong by an hour."""
    return at + ctx.omneo.clock_ahead_of(ctx.clock())


def _owned(ctx: Context, use: Use, column: str) -> set[str]:
    with ctx.ledger.read() as connection:
        return owned_ids(connection, use, column)
