"""Find redemptions of a period that no use of the ledger owns, and prove of which order of this shop they are.

A ledger that was restored from a backup has forgotten what it redeemed since. The redemptions of all profiles show it
where the tenant filters them by time; else those of the profiles of the shop's orders do. A reference that was made for
an order proves that a redemption is this shop's: Omneo shows it, or its filter finds the redemption by the whole of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType

from claimable_benefits.domain.benefits import Redemption
from claimable_benefits.domain.order_references import MOST_ATTEMPTS, order_of_reference
from claimable_benefits.domain.policy import Place
from claimable_benefits.domain.reconcile import (
    ForgottenRedemption,
    RollbackRecord,
    is_returned,
    may_be_ours,
    returned_without_a_row,
)
from claimable_benefits.domain.shop import Order
from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import AuthenticationError, OmneoError
from claimable_benefits.ledger.retention.tombstones import pruned_ids, pruned_references, tombstones_of
from claimable_benefits.ledger.uses import (
    known_references,
    owned_redemptions,
    uses_between,
    uses_in_state,
    uses_of_profile,
)
from claimable_benefits.service.context import Context
from claimable_benefits.service.operations.repeated_reads import RepeatedReads
from claimable_benefits.service.orders.unplaced import order_of
from claimable_benefits.wallet.profile_id import profile_of_customer

_ONLINE = frozenset({Place.CHECKOUT, Place.ACCOUNT, Place.CLAIM})
# Whose redemption is not known yet: it may be one that no use owns so far.
_UNRESOLVED = (UseState.REDEEMING, UseState.IN_DOUBT, UseState.MANUAL_REVIEW)
# An attempt that Omneo refused leaves no redemption; after two in a row there is most likely no later one.
_MISSES = 2
_SKEW = timedelta(hours=2)  # what is further off is no clock to go by
Failures = dict[str, OmneoError]


@dataclass(slots=True)
class Unowned:
    """What was found: redemptions that no use owns, and for some of them the order; ``unread`` says what failed."""

    redemptions: list[Redemption] = field(default_factory=list)
    forgotten: dict[str, ForgottenRedemption] = field(default_factory=dict)
    profiles: set[str] = field(default_factory=set)
    unread: Failures = field(default_factory=dict)
    has_read: bool = False


class _Noted:
    """A block whose failed read is noted as ``about``, and not raised; a refused token is raised."""

    def __init__(self, found: Unowned, about: str) -> None:
        self._found = found
        self._about = about

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(error, OmneoError) or isinstance(error, AuthenticationError):
            return False
        self._found.unread[self._about] = error
        return True


def find_unowned(
    ctx: Context, reads: RepeatedReads, since: datetime, until: datetime, orders: Mapping[str, Order | None]
) -> Unowned:
    """Find what was redeemed from ``since`` until before ``until``, aware times, and belongs to no use.

    ``orders`` are those of the shop that may have redeemed it. Raises `AuthenticationError`; what else cannot be read
    is in ``unread``.
    """
    found = Unowned()
    ahead = ctx.omneo.clock_ahead_of(ctx.clock())
    # By either clock: the difference is as of Omneo's last answer, and a redemption too much is no harm.
    first, last = since + max(min(ahead, timedelta(0)), -_SKEW), until + min(max(ahead, timedelta(0)), _SKEW)
    listed = _redemptions_between(ctx, reads, first, last, orders, found)
    candidates = _without_owner(ctx, [one for one in listed if _may_be_ours(ctx, one, orders)])
    if not candidates:
        return found
    by_reference = _References(ctx, reads, found)
    for one in candidates:
        if one.external_id is not None:
            by_reference.prove_shown(one, orders)
    hidden = [one for one in candidates if one.external_id is None]
    if hidden:
        by_reference.prove_hidden(hidden, orders)
    for profile_id, of_profile in _by_profile(candidates).items():
        gone = _rolled_back(ctx, reads, profile_id, of_profile, found)
        found.redemptions += [one for one in of_profile if one.id not in gone]
    return found


def _may_be_ours(ctx: Context, one: Redemption, orders: Mapping[str, Order | None]) -> bool:
    def knows_order(external_id: str) -> bool:
        number = ctx.ledger.order_number_of(external_id) or external_id
        return number in orders or order_of(ctx, number) is not None

    return may_be_ours(one, ctx.reference_prefix, is_used_online=partial(_is_used_online, ctx), knows_order=knows_order)


def _is_used_online(ctx: Context, one: Redemption) -> bool:
    handles = one.benefit_handles
    return not handles or any(not ctx.policy(handle).used_at.isdisjoint(_ONLINE) for handle in handles)


def _redemptions_between(
    ctx: Context,
    reads: RepeatedReads,
    since: datetime,
    until: datetime,
    orders: Mapping[str, Order | None],
    found: Unowned,
) -> Sequence[Redemption]:
    """Read the period's redemptions; ``since`` and ``until`` are by Omneo's clock."""
    with _Noted(found, "the redemptions of the period"):
        listed = reads.ask(lambda: ctx.omneo.redemptions_between(since, until))
        if listed is not None:
            found.has_read = True
            return listed
    seen: list[Redemption] = []
    for profile_id in sorted(_profiles(ctx, reads, since, until, orders, found)):
        found.profiles.add(profile_id)
        with _Noted(found, f"profile {profile_id}"):
            read = partial(ctx.omneo.redemptions, profile_id, until=since)
            seen += [one if one.profile_id else replace(one, profile_id=profile_id) for one in reads.ask(read)]
            found.has_read = True
    return [one for one in seen if one.created_at is None or since <= one.created_at < until]


def _profiles(
    ctx: Context,
    reads: RepeatedReads,
    since: datetime,
    until: datetime,
    orders: Mapping[str, Order | None],
    found: Unowned,
) -> set[str]:
    """The profiles of the shop's orders, and of every use of the period, held ones included."""
    with ctx.ledger.read() as connection:
        profiles = {use.profile_id for use in uses_between(connection, since, until)}
    nameless = []
    for number, order in orders.items():
        customer_id = _customer_of(order)
        if customer_id is None:
            nameless.append(number)
            continue
        with _Noted(found, f"customer {customer_id}"):
            profile_id = reads.ask(partial(profile_of_customer, ctx.wallet_source, customer_id))
            profiles |= {profile_id} if profile_id else set()
    # A cancelled order has no transaction, so only its reference leads to its profile.
    references = _References(ctx, reads, found)
    for number in nameless:
        profiles |= {one.profile_id for one, _ in references.of_order(number) if one.profile_id}
    return profiles


def _customer_of(order: Order | None) -> str | None:
    return order.transaction.customer_id if order is not None and order.transaction is not None else None


def _without_owner(ctx: Context, listed: Sequence[Redemption]) -> list[Redemption]:
    """Leave out what the ledger knows; read after the list, so that what was redeemed meanwhile is known."""
    if not listed:
        return []
    shown = {one.external_id for one in listed if one.external_id is not None}
    with ctx.ledger.read() as connection:
        owned = owned_redemptions(connection, {one.id for one in listed})
        owned |= pruned_ids(connection, {one.id for one in listed})
        references = known_references(connection, shown) | pruned_references(connection, shown)
        unresolved = uses_in_state(connection, *_UNRESOLVED)
    waiting = {(use.profile_id, use.benefit_id) for use in unresolved if use.redemption_id is None}
    return [
        one
        for one in listed
        if one.id not in owned
        and one.external_id not in references
        and not any((one.profile_id, benefit_id) in waiting for benefit_id in one.benefit_ids)
    ]


class _References:
    """Proves by the references of orders. What cannot be asked proves nothing."""

    def __init__(self, ctx: Context, reads: RepeatedReads, found: Unowned) -> None:
        self._ctx = ctx
        self._reads = reads
        self._found = found
        self._can_ask: bool | None = None

    def prove_shown(self, one: Redemption, orders: Iterable[str]) -> None:
        """Prove by the reference that Omneo shows."""
        ctx, reference = self._ctx, one.external_id or ""
        number = order_of_reference(ctx.reference_key, ctx.reference_prefix, reference, orders)
        if number is not None:
            self._found.forgotten[one.id] = ForgottenRedemption(one, number, reference)

    def prove_hidden(self, hidden: Sequence[Redemption], orders: Mapping[str, Order | None]) -> None:
        """Prove by asking for the references of every order that may be theirs."""
        wanted = {one.id: one for one in hidden}
        profiles = {one.profile_id for one in hidden}
        for number, order in orders.items():
            if not wanted:
                return
            if not self._may_be_of(order, profiles):
                continue
            for one, reference in self.of_order(number):
                if (known := wanted.pop(one.id, None)) is not None:
                    self._found.forgotten[one.id] = ForgottenRedemption(known, number, reference)

    def of_order(self, number: str) -> Iterable[tuple[Redemption, str]]:
        """Ask for the redemptions of an order's attempts that the ledger does not know, each with its reference."""
        if not self._asks():
            return
        made = [self._ctx.order_reference(number, attempt) for attempt in range(1, MOST_ATTEMPTS + 1)]
        with self._ctx.ledger.read() as connection:
            known = known_references(connection, made) | pruned_references(connection, made)
        misses = 0
        for reference in (one for one in made if one not in known):
            answered: Sequence[Redemption] = ()
            with _Noted(self._found, f"order {number}"):
                answered = self._reads.ask(partial(self._ctx.omneo.redemptions_by_reference, reference))
            misses = 0 if answered else misses + 1
            if misses == _MISSES:
                return
            yield from ((one, reference) for one in answered if one.kind == "redeem")

    def _asks(self) -> bool:
        """Whether the tenant keeps our references and filters by them."""
        if self._can_ask is None:
            self._can_ask = False
            with _Noted(self._found, "the filter by our references"):
                filters = self._reads.ask(self._ctx.omneo.filters_by_reference)
                self._can_ask = filters is True and self._ctx.omneo.keeps_references() is not False
        return self._can_ask

    def _may_be_of(self, order: Order | None, profiles: set[str | None]) -> bool:
        customer_id = _customer_of(order)
        if customer_id is None:
            return True
        with suppress(OmneoError):
            return profile_of_customer(self._ctx.wallet_source, customer_id) in {None, *profiles}
        return True


def _by_profile(candidates: Sequence[Redemption]) -> dict[str | None, list[Redemption]]:
    grouped: dict[str | None, list[Redemption]] = defaultdict(list)
    for one in candidates:
        grouped[one.profile_id].append(one)
    return grouped


def _rolled_back(
    ctx: Context, reads: RepeatedReads, profile_id: str | None, candidates: Sequence[Redemption], found: Unowned
) -> set[str]:
    """Which of a profile's candidates were rolled back; all where that cannot be read, which ``unread`` then says."""
    if profile_id is None:
        return set()
    found.profiles.add(profile_id)
    benefits = {benefit_id for one in candidates for benefit_id in one.benefit_ids}
    with _Noted(found, f"profile {profile_id}"):
        return rolled_back_at_omneo(ctx, reads, profile_id, benefits, cancelled=())
    return {one.id for one in candidates}


def rolled_back_at_omneo(
    ctx: Context, reads: RepeatedReads, profile_id: str, benefit_ids: Iterable[str], *, cancelled: Iterable[str | None]
) -> set[str]:
    """Read all redemptions of a profile; return the ids of those that were rolled back, with or without a row for it.

    ``cancelled`` are the numbers of cancelled orders, ``benefit_ids`` those whose uses left are counted. Raises
    `OmneoError`.
    """
    redemptions = reads.ask(partial(ctx.omneo.redemptions, profile_id))
    with ctx.ledger.read() as connection:
        uses = uses_of_profile(connection, profile_id)
        pruned = tombstones_of(connection, {one.id for one in redemptions})
    owners: list[RollbackRecord] = [*uses, *pruned]
    numbers = set(cancelled)
    of_cancelled = {use.redemption_id for use in uses if use.order_number in numbers}
    gone = is_returned(redemptions, owners)
    for benefit_id in benefit_ids:
        standing = reads.ask(partial(standing_uses, ctx, profile_id, benefit_id))
        if standing is not None:
            gone |= returned_without_a_row(
                redemptions, owners, gone, benefit_id=benefit_id, standing=standing, of_cancelled=of_cancelled
            )
    return gone


def standing_uses(ctx: Context, profile_id: str, benefit_id: str) -> int | None:
    """Read how many uses of a benefit stand at Omneo, by its uses left or its count; None where neither says."""
    benefit = ctx.omneo.benefit(profile_id, benefit_id)
    most = benefit.definition.max_redemptions if benefit is not None else None
    if benefit is not None and most is not None and benefit.remaining is not None:
        return most - benefit.remaining
    return ctx.omneo.redemption_count(profile_id, benefit_id)
