"""Compare the shop, the ledger and Omneo for a period. Reads only; `operations.repair` repairs.

Omneo is asked for the redemptions of the period, once for each order and once for each profile that the ledger knows in
the period, a few at a time, and by our reference where a redemption belongs to no use of the ledger. A failed read is
repeated; what cannot be read all the same stands at the end of the report, and the rest is compared.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from claimable_benefits.domain.benefits import RecordedTransaction, Redemption
from claimable_benefits.domain.policy import Refundable
from claimable_benefits.domain.reconcile import (
    Disagreement,
    DisagreementCode,
    OrderComparison,
    UseRecord,
    compare_order,
    compare_redemptions,
    compare_waiting,
    is_returned,
    name_unowned,
)
from claimable_benefits.domain.shop import Order, OrderState
from claimable_benefits.domain.states import DeliveryState, UseState
from claimable_benefits.errors import AuthenticationError, InvalidResponse, OmneoError, Rejected
from claimable_benefits.ledger.outbox import Delivery, deliveries_between, deliveries_in_state, find_delivery
from claimable_benefits.ledger.retention.tombstones import tombstones_of
from claimable_benefits.ledger.uses import Use, uses_between, uses_in_state, uses_of_order, uses_of_profile
from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.verify import differs
from claimable_benefits.service.operations.memory_alarm import end_alarm
from claimable_benefits.service.operations.repeated_reads import RepeatedReads
from claimable_benefits.service.operations.unowned import Unowned, find_unowned, rolled_back_at_omneo
from claimable_benefits.service.orders.unplaced import order_of

_log = logging.getLogger("claimable_benefits")
THREADS = 4
# Omneo's clock, ours, and those of the shop's servers agree within this.
_MARGIN = timedelta(days=1)
_WAITING = (UseState.MANUAL_REVIEW, UseState.REDEEMING, UseState.IN_DOUBT, UseState.REDEEMED, UseState.ROLLING_BACK)
_UNREAD = DisagreementCode.NOT_COMPARED
T = TypeVar("T")
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Report:
    """What disagrees from ``since`` until before ``until``, aware times; ``orders`` and ``profiles`` are counts.

    ``by_loader`` is False where there is no orders loader, and the outbox was compared instead of the shop's orders.
    """

    since: datetime
    until: datetime
    orders: int
    profiles: int
    by_loader: bool
    found: tuple[Disagreement, ...]

    @property
    def unread(self) -> int:
        """How much could not be read, and so was not compared; it stands at the end of ``found``."""
        return sum(one.code is DisagreementCode.NOT_COMPARED for one in self.found)


@dataclass(frozen=True, slots=True)
class _OurSide:
    """What shop and ledger know of a period."""

    since: datetime
    by_loader: bool
    orders: Mapping[str, Order | None]
    deliveries: Mapping[str, Delivery]
    uses_of_order: Mapping[str, list[Use]]
    uses_of_profile: Mapping[str, list[Use]]


@dataclass(slots=True)
class _OmneoSide:
    """What Omneo showed; ``unread`` says what could not be read, and why."""

    recorded: dict[str, Sequence[RecordedTransaction]] = field(default_factory=dict)
    redemptions: dict[str, Sequence[Redemption]] = field(default_factory=dict)
    gone: dict[str, set[str]] = field(default_factory=dict)
    unowned: Unowned = field(default_factory=Unowned)
    unread: list[Disagreement] = field(default_factory=list)
    errors: list[OmneoError] = field(default_factory=list)


def reconcile(ctx: Context, since: datetime, until: datetime) -> Report:
    """Compare from ``since`` until before ``until``, aware times; return what disagrees.

    Raises `OmneoError` where Omneo does not accept the token or answers nothing at all; any other failed read is
    reported.
    """
    known = _read_ours(ctx, since, until)
    seen = _read_omneos(ctx, known, until)
    found = [*_compare(ctx, known, seen), *_waiting(ctx)]
    named = {redemption_id for one in found for redemption_id in one.ids}
    unowned = [one for one in seen.unowned.redemptions if one.id not in named]
    found += [name_unowned(one, seen.unowned.forgotten.get(one.id)) for one in unowned]
    found += seen.unread
    unique = {
        (one.code, one.order_number, one.use_id, one.ids, one.code is _UNREAD and one.sentence): one for one in found
    }
    if not seen.unread and not any(one.forgotten for one in found):
        end_alarm(ctx, since)
    profiles = len(known.uses_of_profile.keys() | seen.unowned.profiles)
    return Report(since, until, len(known.orders), profiles, known.by_loader, tuple(unique.values()))


def _read_ours(ctx: Context, since: datetime, until: datetime) -> _OurSide:
    loaded = ctx.orders_loader(since, until)
    orders: dict[str, Order | None] = {order.number: order for order in loaded or ()}
    with ctx.ledger.read() as connection:
        queued = {delivery.order_number: delivery for delivery in deliveries_between(connection, since, until)}
        touched = uses_between(connection, since, until)
    numbers = dict.fromkeys([*orders, *queued, *(use.order_number for use in touched if use.order_number)])
    for number in numbers:
        if number not in orders:
            orders[number] = order_of(ctx, number)
    with ctx.ledger.read() as connection:
        found = {number: queued.get(number) or find_delivery(connection, number) for number in numbers}
        attempts = {number: uses_of_order(connection, number) for number in numbers}
        involved = {use.profile_id for use in touched if use.sent_at is not None}
        involved |= {use.profile_id for uses in attempts.values() for use in uses if use.redemption_id}
        of_profile = {profile_id: uses_of_profile(connection, profile_id) for profile_id in sorted(involved)}
    deliveries = {number: delivery for number, delivery in found.items() if delivery is not None}
    return _OurSide(since, loaded is not None, orders, deliveries, attempts, of_profile)


def _read_omneos(ctx: Context, known: _OurSide, until: datetime) -> _OmneoSide:
    seen, reads = _OmneoSide(), RepeatedReads(ctx)
    with ThreadPoolExecutor(THREADS, thread_name_prefix="claimable-benefits-reconcile") as pool:
        orders = {number: pool.submit(reads.ask, partial(_recorded, ctx, number)) for number in known.orders}
        profiles = {
            profile_id: pool.submit(_read_profile, ctx, reads, known, profile_id)
            for profile_id in known.uses_of_profile
        }
        try:
            for number, future in orders.items():
                _keep(seen, seen.recorded, number, f"order {number}", future.result)
            for profile_id, reading in profiles.items():
                _keep(seen, seen.redemptions, profile_id, f"profile {profile_id}", partial(_first, reading.result))
                if profile_id in seen.redemptions:
                    seen.gone[profile_id] = reading.result()[1]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    seen.unowned = find_unowned(ctx, reads, known.since, until, known.orders)
    seen.errors += seen.unowned.unread.values()
    if seen.errors and not (seen.recorded or seen.redemptions or seen.unowned.has_read):
        raise seen.errors[0]
    seen.unread += [_unread(about, error) for about, error in seen.unowned.unread.items()]
    return seen


def _first(read: Callable[[], tuple[Sequence[T], set[str]]]) -> Sequence[T]:
    return read()[0]


def _keep(
    seen: _OmneoSide, into: dict[str, Sequence[T]], key: str, about: str, read: Callable[[], Sequence[T]]
) -> None:
    try:
        into[key] = read()
    except AuthenticationError:
        raise
    except OmneoError as error:
        seen.errors.append(error)
        seen.unread.append(_unread(about, error, key if about.startswith("order") else None))


def _unread(about: str, error: OmneoError, number: str | None = None) -> Disagreement:
    return Disagreement(_UNREAD, f"What Omneo has of {about} cannot be read: {error}", number)


def _recorded(ctx: Context, number: str) -> Sequence[RecordedTransaction]:
    """Read Omneo's transactions of an order; first the one it gives for the number, which deliveries change."""
    with ctx.ledger.read() as connection:
        delivery = find_delivery(connection, number)
    external_id = delivery.external_id if delivery else ctx.ledger.external_id_of(number)
    found = ctx.omneo.transactions_with(external_id)
    if len(found) < 2:
        return found
    answered = ctx.omneo.transaction_by_order(external_id)
    return sorted(found, key=lambda one: answered is None or one.id != answered.id)


def _read_profile(
    ctx: Context, reads: RepeatedReads, known: _OurSide, profile_id: str
) -> tuple[Sequence[Redemption], set[str]]:
    """Read a profile's redemptions of the period, and which of them were rolled back or are gone."""
    uses, back_to = known.uses_of_profile[profile_id], _back_to(known, profile_id)
    until = back_to - _MARGIN + ctx.omneo.clock_ahead_of(ctx.clock())
    listed = reads.ask(partial(ctx.omneo.redemptions, profile_id, until=until))
    found = reads.ask(partial(_named, ctx, listed, [use for use in uses if use.updated_at >= known.since]))
    with ctx.ledger.read() as connection:
        pruned = tombstones_of(connection, {one.id for one in found})
    gone = is_returned(found, [*uses, *pruned]) | _missing(found, uses, back_to)
    if doubtful := _doubtful_benefits(known, found, uses, gone):
        gone |= rolled_back_at_omneo(ctx, reads, profile_id, doubtful, cancelled=_cancelled(known))
    return found, gone


def _doubtful_benefits(
    known: _OurSide, redemptions: Sequence[Redemption], uses: Sequence[Use], gone: set[str]
) -> set[str]:
    """The benefits of which a redemption seems left over: where its rollback is listed nowhere, uses left decide."""
    left = {redemption_id for one in compare_redemptions(redemptions, uses, gone) for redemption_id in one.ids}
    cancelled = _cancelled(known)
    left |= {use.redemption_id for use in uses if use.order_number in cancelled and use.redemption_id} - gone
    return {benefit_id for one in redemptions if one.id in left for benefit_id in one.benefit_ids}


def _cancelled(known: _OurSide) -> set[str | None]:
    orders = known.orders.values()
    return {order.number for order in orders if order is not None and order.state is OrderState.CANCELLED}


def _named(ctx: Context, redemptions: Sequence[Redemption], uses: Sequence[Use]) -> Sequence[Redemption]:
    """Add our references, which a profile's list lacks; asked for only where a redemption belongs to no use."""
    owned = {use.redemption_id for use in uses}
    unowned = [one for one in redemptions if one.kind == "redeem" and one.id not in owned and one.external_id is None]
    benefits = {benefit_id for one in unowned for benefit_id in one.benefit_ids}
    names: dict[str, str] = {}
    for use in uses:
        if use.benefit_id in benefits:
            with suppress(Rejected, InvalidResponse):  # the tenant cannot be asked by reference
                names |= {one.id: use.reference for one in ctx.omneo.redemptions_by_reference(use.reference)}
    return [replace(one, external_id=one.external_id or names.get(one.id)) for one in redemptions]


def _back_to(known: _OurSide, profile_id: str) -> datetime:
    """Since when redemptions are needed: for every use that changed in the period, or belongs to its orders."""
    uses = known.uses_of_profile[profile_id]
    relevant = [use for use in uses if use.updated_at >= known.since or use.order_number in known.orders]
    return min([known.since, *(use.sent_at for use in relevant if use.sent_at is not None)])


def _compare(ctx: Context, known: _OurSide, seen: _OmneoSide) -> Iterable[Disagreement]:
    gone = defaultdict(set, seen.gone)
    for profile_id, redemptions in seen.redemptions.items():
        yield from compare_redemptions(redemptions, known.uses_of_profile[profile_id], gone[profile_id])
    for number, recorded in seen.recorded.items():
        attempts, delivery = known.uses_of_order[number], known.deliveries.get(number)
        sides = OrderComparison(
            number,
            known.orders[number],
            delivery,
            attempts,
            recorded,
            {redemption_id for use in attempts for redemption_id in gone[use.profile_id]},
            partial(_is_refundable, ctx),
        )
        yield from compare_order(sides, partial(differs, delivery) if delivery else lambda _: None)


def _missing(redemptions: Sequence[Redemption], uses: Sequence[Use], back_to: datetime) -> set[str]:
    """The redemptions that the ledger knows and Omneo does not show, as far back as was read."""
    shown = {one.id for one in redemptions}
    recent = [use.redemption_id for use in uses if use.sent_at is not None and use.sent_at >= back_to]
    return {redemption_id for redemption_id in recent if redemption_id is not None and redemption_id not in shown}


def _is_refundable(ctx: Context, use: UseRecord) -> bool:
    return isinstance(use, Use) and ctx.policy(use.definition_handle).refundable is not Refundable.NEVER


def _waiting(ctx: Context) -> Iterable[Disagreement]:
    with ctx.ledger.read() as connection:
        uses = uses_in_state(connection, *_WAITING)
        states = (DeliveryState.STOPPED, DeliveryState.DUE, DeliveryState.DELIVERING)
        deliveries = deliveries_in_state(connection, *states)
    return compare_waiting(uses, deliveries, ctx.clock())
