"""Compare the shop, the ledger and Omneo for a period. Reads only; `operations.repair` repairs.

Omneo is asked once for each order and once for each profile that the ledger knows in the period, a few at a time, and
by our reference where a profile has a redemption that belongs to no use of the ledger.
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
)
from claimable_benefits.domain.shop import Order
from claimable_benefits.domain.states import DeliveryState, UseState
from claimable_benefits.errors import InvalidResponse, RateLimited, Rejected
from claimable_benefits.ledger.outbox import Delivery, deliveries_between, deliveries_in_state, find_delivery
from claimable_benefits.ledger.uses import Use, uses_between, uses_in_state, uses_of_order, uses_of_profile
from claimable_benefits.service.context import Context
from claimable_benefits.service.delivery.verify import differs
from claimable_benefits.service.orders.unplaced import order_of

_log = logging.getLogger("claimable_benefits")
THREADS = 4
# Omneo's clock, ours, and those of the shop's servers agree within this.
_MARGIN = timedelta(days=1)
_WAITING = (UseState.MANUAL_REVIEW, UseState.REDEEMING, UseState.IN_DOUBT, UseState.REDEEMED, UseState.ROLLING_BACK)
_TRIES = 5
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
    unread: list[Disagreement] = field(default_factory=list)


def reconcile(ctx: Context, since: datetime, until: datetime) -> Report:
    """Compare from ``since`` until before ``until``, aware times; give what disagrees. Raises `OmneoError`."""
    known = _read_ours(ctx, since, until)
    seen = _read_omneos(ctx, known)
    found = [*_compare(ctx, known, seen), *seen.unread, *_waiting(ctx)]
    unique = {(one.code, one.order_number, one.use_id, one.ids): one for one in found}
    return Report(since, until, len(known.orders), len(known.uses_of_profile), known.by_loader, tuple(unique.values()))


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


def _read_omneos(ctx: Context, known: _OurSide) -> _OmneoSide:
    seen = _OmneoSide()
    with ThreadPoolExecutor(THREADS, thread_name_prefix="claimable-benefits-reconcile") as pool:
        ask = partial(_asked, ctx)
        orders = {number: pool.submit(ask, partial(_recorded, ctx, number)) for number in known.orders}
        profiles = {
            profile_id: pool.submit(ask, partial(_redemptions, ctx, known, profile_id))
            for profile_id in known.uses_of_profile
        }
        try:
            for number, future in orders.items():
                _keep(seen, seen.recorded, number, f"order {number}", future.result)
            for profile_id, reading in profiles.items():
                _keep(seen, seen.redemptions, profile_id, f"profile {profile_id}", reading.result)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return seen


def _keep(
    seen: _OmneoSide, into: dict[str, Sequence[T]], key: str, about: str, read: Callable[[], Sequence[T]]
) -> None:
    try:
        into[key] = read()
    except (Rejected, InvalidResponse) as error:
        number = key if about.startswith("order") else None
        seen.unread.append(
            Disagreement(DisagreementCode.NOT_COMPARED, f"What Omneo has of {about} cannot be read: {error}", number)
        )


def _asked(ctx: Context, ask: Callable[[], T]) -> T:
    """Ask Omneo, and retry after the pause that it asks for with 429."""
    for _ in range(_TRIES):
        try:
            return ask()
        except RateLimited as error:
            ctx.sleep(min(error.retry_after or 1.0, 30.0))
    return ask()


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


def _redemptions(ctx: Context, known: _OurSide, profile_id: str) -> Sequence[Redemption]:
    back_to = _back_to(known, profile_id)
    found = ctx.omneo.redemptions(profile_id, until=back_to - _MARGIN + ctx.omneo.clock_ahead_of(ctx.clock()))
    return _named(ctx, found, [use for use in known.uses_of_profile[profile_id] if use.updated_at >= known.since])


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
    gone: dict[str, set[str]] = defaultdict(set)
    for profile_id, redemptions in seen.redemptions.items():
        uses = known.uses_of_profile[profile_id]
        gone[profile_id] = is_returned(redemptions, uses) | _missing(redemptions, uses, _back_to(known, profile_id))
        yield from compare_redemptions(redemptions, uses, ctx.reference_prefix)
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
