"""Read the evidence of a request whose answer was lost (reliability, look-ups).

Omneo has no idempotency key, so the extension never repeats such a request: what Omneo shows decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from claimable_benefits.domain.benefits import Benefit, Redemption

# Omneo's clock and ours may differ by this much.
SKEW = timedelta(minutes=2)


class Evidence(StrEnum):
    """What a lookup shows."""

    FOUND = "found"
    ABSENT = "absent"
    UNCLEAR = "unclear"  # what Omneo shows can be read in two ways, as where a till used the benefit at the same time


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a lookup: Omneo's id where it was found, and the ids of further records with our reference.

    ``is_named`` is whether the record carries our reference; ``benefit_id`` is set for a claim that was used at once.
    """

    evidence: Evidence
    found_id: str | None = None
    extra_ids: tuple[str, ...] = ()
    is_named: bool = False
    benefit_id: str | None = None


ABSENT = Finding(Evidence.ABSENT)
UNCLEAR = Finding(Evidence.UNCLEAR)


def find_by_reference(reference: str, answered: Iterable[Redemption], owned: Collection[str]) -> Finding:
    """Decide by the redemptions that Omneo's filter by our reference gave, where the filter is known to work.

    ``owned`` are the ids of redemptions that belong to other uses of ours.
    """
    ours = [one for one in answered if one.external_id in (None, reference) and one.kind == "redeem"]
    ids = [one.id for one in ours if one.id not in owned]
    return Finding(Evidence.FOUND, ids[0], tuple(ids[1:]), is_named=True) if ids else ABSENT


def find_claimed(
    reference: str, handle: str, sent_at: datetime, held: Iterable[Benefit], owned: Collection[str]
) -> Finding:
    """Decide whether the benefit that a claim asked for is there: by our reference, else by definition and time."""
    benefits = [benefit for benefit in held if benefit.id not in owned]
    named = [benefit for benefit in benefits if benefit.external_id == reference]
    recent = [
        benefit
        for benefit in benefits
        if benefit.handle == handle
        and benefit.external_id is None
        and benefit.claimed_at is not None
        and benefit.claimed_at >= sent_at - SKEW
    ]
    found = named or recent
    return Finding(Evidence.FOUND, found[0].id) if found else ABSENT


def find_claimed_use(
    reference: str, handle: str, sent_at: datetime, recent: Iterable[Redemption], owned: Collection[str]
) -> Finding:
    """Decide whether a claim that was used at once made its redemption: the claimed benefit carries our reference.

    Where the tenant does not show references of benefits, a single new use of that definition is ours; several are
    unclear.
    """
    free = [one for one in recent if one.kind == "redeem" and one.id not in owned]
    if named := [one for one in free if reference in one.benefit_references]:
        return _of_claim(named[0], is_named=True)
    alike = [
        one
        for one in free
        if handle in one.benefit_handles
        and not one.benefit_references
        and one.created_at is not None
        and one.created_at >= sent_at - SKEW
    ]
    if not alike:
        return ABSENT
    return _of_claim(alike[0], is_named=False) if len(alike) == 1 else UNCLEAR


def _of_claim(redemption: Redemption, *, is_named: bool) -> Finding:
    benefit_id = next(iter(redemption.benefit_ids), None)
    return Finding(Evidence.FOUND, redemption.id, is_named=is_named, benefit_id=benefit_id)
