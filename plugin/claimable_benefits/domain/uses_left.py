"""Decide by the uses that are left, where Omneo shows no reference of ours (reliability, look-ups).

Omneo lists every redemption of a profile, but not whose it is; some tenants list no reversals and returns. What was
left of the benefit just before a request went out is the baseline. What is left now tells how many redemptions and
rollbacks have been applied since. All doubts of ours on one benefit are decided together, as one count tells of all.

All times are aware and by our own clock: the caller converts Omneo's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from claimable_benefits.domain.benefits import Redemption
from claimable_benefits.domain.evidence import ABSENT, SKEW, UNCLEAR, Evidence, Finding
from claimable_benefits.domain.states import UseState

# Omneo's clock counts whole seconds, and ours is compared with it to within five.
_SAME_MOMENT = timedelta(seconds=5)
# A till's redemption so close to a baseline may or may not be in it.
_SAME_MINUTE = timedelta(minutes=1)


class OwnUse(Protocol):
    """A use of ours as the ledger knows it."""

    @property
    def use_id(self) -> str: ...
    @property
    def state(self) -> UseState: ...
    @property
    def redemption_id(self) -> str | None: ...
    @property
    def sent_at(self) -> datetime | None: ...
    @property
    def redeemed_at(self) -> datetime | None: ...
    @property
    def rollback_sent_at(self) -> datetime | None: ...
    @property
    def updated_at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class BenefitRecord:
    """What Omneo shows of one benefit: redemptions of its profile, and its uses left, None where it has no limit.

    ``is_readable`` is False where Omneo does not show the benefit itself.
    """

    benefit_id: str
    redemptions: Sequence[Redemption]
    remaining: int | None
    is_readable: bool = True


@dataclass(frozen=True, slots=True)
class Doubt:
    """A use whose redemption is in doubt: sent ``at``, and applied before ``until`` if at all.

    ``baseline`` is what was left just before, None for a benefit without limit. ``order_external_id`` is its order's
    name at Omneo, prefix included. ``is_open`` is False for a use that was resolved as not applied: a redemption is
    assigned to it only where no open one may have it.
    """

    use_id: str
    reference: str
    at: datetime
    until: datetime
    baseline: int | None
    order_external_id: str | None = None
    is_open: bool = True

    def may_have(self, redemption: Redemption) -> bool:
        """Whether the redemption was made in time, and is linked to no order but this use's own."""
        made_at = _made_at(redemption)
        in_time = made_at is not None and self.at - SKEW <= made_at <= self.until + SKEW
        is_linked = redemption.transaction_id is not None or redemption.order_number is not None
        return in_time and (not is_linked or self._is_of_our_order(redemption))

    def _is_of_our_order(self, redemption: Redemption) -> bool:
        return self.order_external_id is not None and redemption.order_number == self.order_external_id


def assign_redemptions(
    doubts: Sequence[Doubt], record: BenefitRecord, own: Iterable[OwnUse], owned: Collection[str], *, in_flight: int = 0
) -> dict[str, Finding]:
    """Decide all doubts of ours on one benefit together; return the finding of each by its use id.

    ``own`` are our other uses of this benefit, ``owned`` the ids of redemptions that belong to them, and ``in_flight``
    counts our requests that are still under way. No redemption is assigned to two uses. None is assigned where the
    count allows that one of them is a till's: more new ones than doubts, or no baseline to count from.
    """
    candidates, foreign = _sorted_out(doubts, record, owned)
    findings: dict[str, Finding] = {}
    for doubt in doubts:
        named = [one for one in candidates if one.external_id == doubt.reference]
        if named:
            findings[doubt.use_id] = Finding(Evidence.FOUND, named[0].id, is_named=True)
    named_ids = {finding.found_id for finding in findings.values()}
    left = [doubt for doubt in doubts if doubt.use_id not in findings]
    unnamed = [one for one in candidates if one.id not in named_ids and one.external_id is None]
    foreign += [one for one in candidates if one not in unnamed]
    return findings | (_by_count(left, record, list(own), unnamed, foreign, in_flight=in_flight) if left else {})


def _by_count(
    doubts: Sequence[Doubt],
    record: BenefitRecord,
    own: Sequence[OwnUse],
    candidates: Sequence[Redemption],
    foreign: Sequence[Redemption],
    *,
    in_flight: int,
) -> dict[str, Finding]:
    first = min(doubts, key=lambda doubt: doubt.at)
    number = _number_of_new_ones(first, record, own, candidates, foreign)
    open_doubts = [doubt for doubt in doubts if doubt.is_open]
    if number is not None and not (number and in_flight):
        newest = sorted(candidates, key=_order_of_making, reverse=True)[:number]
        matched = _matched(open_doubts, newest)
        if len(matched) == number:
            return {doubt.use_id: matched.get(doubt.use_id, ABSENT) for doubt in doubts}
    is_unlisted = not candidates and number is None
    return {
        doubt.use_id: UNCLEAR if is_unlisted or any(map(doubt.may_have, candidates)) else ABSENT for doubt in doubts
    }


def _number_of_new_ones(
    first: Doubt,
    record: BenefitRecord,
    own: Sequence[OwnUse],
    candidates: Sequence[Redemption],
    foreign: Sequence[Redemption],
) -> int | None:
    """Count the candidates that were made since the first doubt's baseline; None where this cannot be told.

    The count of uses decides which of those near the baseline are newer. Where a rollback of ours is in doubt too, it
    gives a range.
    """
    surely, possibly = _since(candidates, first.at, SKEW)
    natural, _ = _since(candidates, first.at - _SAME_MOMENT, timedelta(0))
    if first.baseline is None or record.remaining is None or not record.is_readable:
        has_no_limit = first.baseline is None and record.remaining is None and record.is_readable
        return natural if has_no_limit or not candidates else None
    fallen = first.baseline - record.remaining
    # The baseline is read a moment before the use is sent: what came back or went between the two is not in it.
    rolled_back = _own_rollbacks_since(own, first.at, _SAME_MOMENT)
    redeemed = _own_redemptions_since(own, record, first.at, _SAME_MOMENT)
    unowned_rollbacks = len(_rollbacks_listed(record, first.at))
    others = _since(foreign, first.at, _SAME_MINUTE)
    least = fallen + rolled_back[0] - redeemed[1] - others[1]
    most = fallen + rolled_back[1] + unowned_rollbacks - redeemed[0] - others[0]
    if not candidates:
        return 0 if least <= 0 else None  # one use less, and no redemption of it is listed yet
    possible = [number for number in range(surely, possibly + 1) if least <= number <= most]
    if natural in possible:
        return natural
    return possible[0] if len(possible) == 1 else None


def _matched(doubts: Sequence[Doubt], newest_first: Sequence[Redemption]) -> dict[str, Finding]:
    """Assign each redemption to the use that was sent last before it; our uses of one benefit are interchangeable."""
    free, matched = list(doubts), dict[str, Finding]()
    for redemption in newest_first:
        made_at = _made_at(redemption)
        fitting = [doubt for doubt in free if doubt.may_have(redemption)]
        if not fitting or made_at is None:
            continue
        latest = made_at + _SAME_MOMENT
        chosen = max(fitting, key=lambda doubt: (doubt.at <= latest, doubt.at, doubt.use_id))
        free.remove(chosen)
        matched[chosen.use_id] = Finding(Evidence.FOUND, redemption.id)
    return matched


@dataclass(frozen=True, slots=True)
class RollbackDoubt:
    """A rollback in doubt: of which redemption, asked for ``at``, and what was left or counted just before.

    ``concurrent`` counts other rollbacks of ours on this benefit that are in doubt too.
    """

    use_id: str
    redemption_id: str | None
    at: datetime
    baseline: int | None
    counted: int | None = None
    concurrent: int = 0


def find_rollback(
    doubt: RollbackDoubt,
    record: BenefitRecord,
    own: Iterable[OwnUse],
    owned: Collection[str],
    *,
    owned_rollbacks: Collection[str] = (),
    counted: int | None = None,
) -> Finding:
    """Decide whether a use is back at Omneo since its rollback was asked for.

    The redemption itself decides where it is shown as rolled back, then a reversal or return that is listed since, then
    the uses left. ``counted`` is Omneo's number of uses now, for a benefit without limit. ``owned`` and
    ``owned_rollbacks`` are ids that belong to other uses of ours. A tenant that is seen to list rollbacks shows by the
    list that there is none.
    """
    if any(one.id == doubt.redemption_id and one.kind != "redeem" for one in record.redemptions):
        return Finding(Evidence.FOUND)
    listed = find_listed_rollback(record, doubt.at, owned_rollbacks)
    if len(listed) > doubt.concurrent:
        return Finding(Evidence.FOUND, listed[0])
    gained = _gained(doubt, record, list(own), owned, counted)
    if gained is not None:
        least, most = gained
        if least > doubt.concurrent:
            return Finding(Evidence.FOUND)
        return ABSENT if most == 0 and not listed else UNCLEAR
    lists_rollbacks = any(one.kind != "redeem" for one in record.redemptions)
    return ABSENT if lists_rollbacks and not listed else UNCLEAR


def find_listed_rollback(record: BenefitRecord, since: datetime, owned: Collection[str]) -> list[str]:
    """Return the ids of the benefit's reversals and returns that are listed since then and belong to no use of ours."""
    return [one.id for one in _rollbacks_listed(record, since - SKEW) if one.id not in owned]


def _gained(
    doubt: RollbackDoubt, record: BenefitRecord, own: Sequence[OwnUse], owned: Collection[str], counted: int | None
) -> tuple[int, int] | None:
    """Count the uses that came back since the baseline, at least and at most; None where nothing can be counted.

    No use of ours was on its way when the baseline was read, and no other rollback was in doubt: `rollback` waits.
    """
    if doubt.baseline is not None and record.remaining is not None:
        more = record.remaining - doubt.baseline
    elif doubt.counted is not None and counted is not None:
        more = doubt.counted - counted
    else:
        return None
    others = [use for use in own if use.use_id != doubt.use_id]
    none = timedelta(0)
    redeemed = _own_redemptions_since(others, record, doubt.at, none)
    rolled_back = _own_rollbacks_since(others, doubt.at, none)
    known = {*owned, doubt.redemption_id}
    tills = [one for one in record.redemptions if _is_use_of(record.benefit_id, one) and one.id not in known]
    by_tills = _since(tills, doubt.at, _SAME_MINUTE)
    return more + redeemed[0] + by_tills[0] - rolled_back[0], more + redeemed[1] + by_tills[1] - rolled_back[0]


def _sorted_out(
    doubts: Sequence[Doubt], record: BenefitRecord, owned: Collection[str]
) -> tuple[list[Redemption], list[Redemption]]:
    """Sort out the redemptions that may be ours, and those that a till made."""
    references = {None, *(doubt.reference for doubt in doubts)}
    unowned = [one for one in record.redemptions if _is_use_of(record.benefit_id, one) and one.id not in owned]
    candidates = [
        one
        for one in unowned
        if one.external_id in references and _uses_of(one) == 1 and any(doubt.may_have(one) for doubt in doubts)
    ]
    return candidates, [one for one in unowned if one not in candidates]


def _own_redemptions_since(
    own: Iterable[OwnUse], record: BenefitRecord, at: datetime, margin: timedelta
) -> tuple[int, int]:
    """Count our known redemptions since then, at least and at most: some were on their way up to ``margin`` before."""
    made = {one.id: _made_at(one) for one in record.redemptions}
    surely = possibly = 0
    for use in own:
        if use.redemption_id is None or use.sent_at is None or (use.redeemed_at and use.redeemed_at <= at - margin):
            continue
        made_at = made.get(use.redemption_id)
        if made_at is not None and made_at < at - _SAME_MOMENT:
            continue
        possibly += 1
        surely += use.sent_at >= at or (made_at is not None and made_at > at + _SAME_MOMENT)
    return surely, possibly


def _own_rollbacks_since(own: Iterable[OwnUse], at: datetime, margin: timedelta) -> tuple[int, int]:
    """Count our rollbacks since then, at least and at most.

    Some are in doubt, or were on their way up to ``margin`` before.
    """
    surely = possibly = 0
    for use in own:
        if use.rollback_sent_at is None:
            continue
        is_done = use.state is UseState.ROLLED_BACK
        if is_done and (use.updated_at <= at - margin or use.rollback_sent_at < at - SKEW):
            continue
        possibly += 1
        surely += is_done and use.rollback_sent_at >= at
    return surely, possibly


def _rollbacks_listed(record: BenefitRecord, since: datetime) -> list[Redemption]:
    return [
        one
        for one in record.redemptions
        if one.kind in ("reversal", "return")
        and record.benefit_id in one.benefit_ids
        and one.created_at is not None
        and one.created_at >= since
    ]


def _since(redemptions: Iterable[Redemption], at: datetime, margin: timedelta) -> tuple[int, int]:
    """Count uses made since then, at least and at most, where clocks agree within ``margin``."""
    surely = possibly = 0
    for redemption in redemptions:
        made_at, uses = _made_at(redemption), _uses_of(redemption)
        possibly += uses if made_at is None or made_at >= at - margin else 0
        surely += uses if made_at is not None and made_at >= at + margin else 0
    return surely, possibly


def _is_use_of(benefit_id: str, redemption: Redemption) -> bool:
    return redemption.kind == "redeem" and benefit_id in redemption.benefit_ids


def _uses_of(redemption: Redemption) -> int:
    """Count how many uses of one benefit a redemption took: ours take one."""
    return max(1, redemption.count // max(1, len(redemption.benefit_ids)))


def _made_at(redemption: Redemption) -> datetime | None:
    return redemption.created_at or redemption.redeemed_at


def _order_of_making(redemption: Redemption) -> tuple[float, int]:
    made_at = _made_at(redemption)
    number = int(redemption.id) if redemption.id.isdecimal() else 0
    return (made_at.timestamp() if made_at else 0.0), number
