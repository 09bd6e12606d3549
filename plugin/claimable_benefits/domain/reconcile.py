"""Compare the shop, the ledger and Omneo: each disagreement has a sentence for staff and a stable code.

Omneo shows what happened, the ledger what the extension asked for, and the shop what became of the order. Only what is
known to be the shop's own is repaired: a till's sales and uses are named at most.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from claimable_benefits.domain.benefits import RecordedTransaction, Redemption
from claimable_benefits.domain.shop import Order, OrderState, Transaction
from claimable_benefits.domain.states import DeliveryState, UseState

STUCK_AFTER = timedelta(hours=1)
# By then the pauses between attempts have added up to an hour.
_MANY_ATTEMPTS = 15


class DisagreementCode(StrEnum):
    """The kind of a disagreement; stable, for scripts."""

    TRANSACTION_MISSING = "transaction_missing"
    TRANSACTION_DIFFERS = "transaction_differs"
    TRANSACTION_DUPLICATED = "transaction_duplicated"
    TRANSACTION_NOT_VOID = "transaction_not_void"
    SUBMISSION_DIFFERS = "submission_differs"
    USE_NOT_CONSUMED = "use_not_consumed"
    REDEMPTION_GONE = "redemption_gone"
    REDEMPTION_LEFT_OVER = "redemption_left_over"
    REDEMPTION_UNKNOWN = "redemption_unknown"  # it carries our reference
    REDEMPTION_UNOWNED = "redemption_unowned"  # Omneo does not show whose it is
    MANUAL_REVIEW = "manual_review"
    DELIVERY_STOPPED = "delivery_stopped"
    STUCK = "stuck"
    NOT_COMPARED = "not_compared"


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One disagreement. ``ids`` are Omneo's: the transactions to void, or the redemption to roll back.

    ``forgotten`` is the redemption that the ledger does not know, where it is known to be an order's of this shop.
    """

    code: DisagreementCode
    sentence: str
    order_number: str | None = None
    use_id: str | None = None
    ids: tuple[str, ...] = ()
    forgotten: ForgottenRedemption | None = None


@dataclass(frozen=True, slots=True)
class ForgottenRedemption:
    """A redemption of this shop that its ledger does not know: ``reference`` was made for ``order_number``."""

    redemption: Redemption
    order_number: str
    reference: str


class UseRecord(Protocol):
    """A use as the ledger knows it."""

    @property
    def use_id(self) -> str: ...
    @property
    def reference(self) -> str: ...
    @property
    def benefit_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def order_number(self) -> str | None: ...
    @property
    def state(self) -> UseState: ...
    @property
    def redemption_id(self) -> str | None: ...
    @property
    def rollback_id(self) -> str | None: ...
    @property
    def sent_at(self) -> datetime | None: ...
    @property
    def lease_until(self) -> datetime | None: ...
    @property
    def due_at(self) -> datetime | None: ...
    @property
    def updated_at(self) -> datetime: ...
    @property
    def note(self) -> str | None: ...


class RollbackRecord(Protocol):
    """A redemption of ours and its rollback, as the ledger knows them; of a use that was pruned, too."""

    @property
    def state(self) -> UseState: ...
    @property
    def redemption_id(self) -> str | None: ...
    @property
    def rollback_id(self) -> str | None: ...


class DeliveryRecord(Protocol):
    """A delivery as the ledger knows it."""

    @property
    def order_number(self) -> str: ...
    @property
    def state(self) -> DeliveryState: ...
    @property
    def redemption_id(self) -> str | None: ...
    @property
    def transaction(self) -> Transaction: ...
    @property
    def attempts(self) -> int: ...
    @property
    def lease_until(self) -> datetime | None: ...
    @property
    def due_at(self) -> datetime: ...
    @property
    def note(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class OrderComparison:
    """One order as the shop, the ledger and Omneo know it.

    ``recorded`` are Omneo's transactions with its number, first the one that Omneo gives for the number; ``gone`` the
    ids of redemptions that were rolled back or are missing; ``is_refundable`` says whether a cancelled order returns
    the use.
    """

    number: str
    shop: Order | None
    delivery: DeliveryRecord | None
    uses: Sequence[UseRecord]
    recorded: Sequence[RecordedTransaction]
    gone: Collection[str]
    is_refundable: Callable[[UseRecord], bool]

    @property
    def state(self) -> OrderState | None:
        """What became of the order: by the shop, else by what was submitted last."""
        if self.shop is not None:
            return self.shop.state
        if self.delivery is None:
            return None
        return OrderState.CANCELLED if self.delivery.transaction.is_void else OrderState.PAID

    @property
    def ours(self) -> list[RecordedTransaction]:
        """The recorded transactions without a place of sale: those with one are a till's."""
        return [one for one in self.recorded if one.location_id is None]

    @property
    def is_under_way(self) -> bool:
        """Whether a delivery is about to change what Omneo has, or is stopped."""
        return self.delivery is not None and self.delivery.state is not DeliveryState.DELIVERED


Differs = Callable[[RecordedTransaction | None], str | None]


def compare_order(sides: OrderComparison, differs: Differs) -> Iterator[Disagreement]:
    """Find what disagrees about one order. ``differs`` says in words how Omneo's transaction differs from ours."""
    yield from _duplicates(sides)
    if sides.state is OrderState.PAID:
        yield from _paid(sides, differs)
        yield from _used(sides)
    if sides.state is OrderState.CANCELLED:
        yield from _cancelled(sides)


def _paid(sides: OrderComparison, differs: Differs) -> Iterator[Disagreement]:
    number, shop, delivery = sides.number, sides.shop and sides.shop.transaction, sides.delivery
    if shop and delivery and shop.total < delivery.transaction.total:  # a refund that was not submitted
        submitted = delivery.transaction.total
        sentence = (
            f"Order {number} has a total of {shop.total} in the shop, but {submitted} was submitted. Submit it again."
        )
        yield Disagreement(DisagreementCode.SUBMISSION_DIFFERS, sentence, number)
    if sides.is_under_way:
        return
    if not sides.ours:
        why = "" if delivery else " and it was never submitted"
        yield Disagreement(
            DisagreementCode.TRANSACTION_MISSING,
            f"Order {number} is paid, but Omneo has no transaction of it{why}.",
            number,
        )
    elif delivery and (difference := differs(sides.ours[0])):
        sentence = f"Omneo's transaction of order {number} differs from the delivered one: {difference}."
        yield Disagreement(DisagreementCode.TRANSACTION_DIFFERS, sentence, number, ids=(sides.ours[0].id,))


def _used(sides: OrderComparison) -> Iterator[Disagreement]:
    consumed = [use for use in sides.uses if use.state is UseState.CONSUMED]
    for use in sides.uses:
        if use.state is UseState.REDEEMED and not consumed:
            sentence = f"Order {sides.number} is paid, but its use of {use.name} still waits for the order."
            yield Disagreement(DisagreementCode.USE_NOT_CONSUMED, sentence, sides.number, use.use_id)
    for use in consumed:
        if use.redemption_id in sides.gone:
            sentence = (
                f"Order {sides.number} used {use.name}, but redemption {use.redemption_id} is rolled back at Omneo."
            )
            yield Disagreement(DisagreementCode.REDEMPTION_GONE, sentence, sides.number, use.use_id)


def _cancelled(sides: OrderComparison) -> Iterator[Disagreement]:
    if any(not one.is_void for one in sides.ours[:1]) and not sides.is_under_way:
        sentence = f"Order {sides.number} is cancelled, but its transaction at Omneo is not void."
        yield Disagreement(DisagreementCode.TRANSACTION_NOT_VOID, sentence, sides.number, ids=(sides.ours[0].id,))
    for use in sides.uses:
        is_left = use.state is UseState.REDEEMED or (use.state is UseState.CONSUMED and sides.is_refundable(use))
        if is_left and use.redemption_id and use.redemption_id not in sides.gone:
            redemption = f"redemption {use.redemption_id} of {use.name}"
            sentence = f"Order {sides.number} is cancelled, but {redemption} is not rolled back."
            yield Disagreement(
                DisagreementCode.REDEMPTION_LEFT_OVER, sentence, sides.number, use.use_id, ids=(use.redemption_id,)
            )


def _duplicates(sides: OrderComparison) -> Iterator[Disagreement]:
    """Find all but the one that Omneo gives for the number: every later delivery changes that one."""
    if len(sides.ours) < 2:
        return
    current, *others = sides.ours
    ours = {None, sides.delivery.redemption_id if sides.delivery else None}
    extra = [one for one in others if not one.is_void]
    safe = tuple(one.id for one in extra if one.redemption_id in ours and one.profile_id in {None, current.profile_id})
    if extra:
        named = ", ".join(one.id for one in extra)
        doubt = "" if len(safe) == len(extra) else " Not all of them look like ours: check them in Omneo."
        sentence = (
            f"Omneo has more than one transaction of order {sides.number}: {current.id}, and besides {named}.{doubt}"
        )
        yield Disagreement(
            DisagreementCode.TRANSACTION_DUPLICATED,
            sentence,
            sides.number,
            ids=safe if sides.delivery is not None else (),
        )


_ENDED = (UseState.RELEASED, UseState.REFUSED, UseState.ROLLED_BACK, UseState.HELD)


def compare_redemptions(
    redemptions: Sequence[Redemption], uses: Sequence[UseRecord], gone: Collection[str]
) -> Iterator[Disagreement]:
    """Find redemptions of one profile that are a use's, not rolled back, and unused.

    ``uses`` are all of that profile, ``gone`` the ids of the redemptions that were rolled back. What no use owns is
    `name_unowned`'s.
    """
    by_id = {use.redemption_id: use for use in uses if use.redemption_id}
    by_reference = {use.reference: use for use in uses}
    for one in redemptions:
        if one.kind != "redeem" or one.id in gone:
            continue
        owner = by_id.get(one.id) or by_reference.get(one.external_id or "")
        if owner is None:
            continue
        if owner.redemption_id not in (None, one.id):
            sentence = f"Redemption {one.id} of {owner.name} is a second one for the same use {owner.use_id}."
            yield Disagreement(
                DisagreementCode.REDEMPTION_LEFT_OVER, sentence, owner.order_number, owner.use_id, (one.id,)
            )
        elif owner.state in _ENDED:
            state = owner.state.replace("_", " ")
            sentence = (
                f"Redemption {one.id} of {owner.name} is not rolled back at Omneo, but use {owner.use_id} is {state}."
            )
            yield Disagreement(
                DisagreementCode.REDEMPTION_LEFT_OVER, sentence, owner.order_number, owner.use_id, (one.id,)
            )


def may_be_ours(
    one: Redemption, prefix: str, *, is_used_online: Callable[[Redemption], bool], knows_order: Callable[[str], bool]
) -> bool:
    """Whether a redemption that no use owns may be this shop's, by what Omneo shows of it.

    A place of sale, another reference or an order that the shop does not know make it another's, and so does a benefit
    that this shop does not use online.
    """
    if one.kind != "redeem" or one.location_id is not None:
        return False
    if one.external_id is not None:
        return one.external_id.startswith(f"{prefix}-")
    return is_used_online(one) and (one.order_number is None or knows_order(one.order_number))


def name_unowned(one: Redemption, forgotten: ForgottenRedemption | None) -> Disagreement:
    """Say that a redemption belongs to no use of the ledger, and what is known of it."""
    benefit = next(iter(one.benefit_names), "a benefit")
    about = f"Redemption {one.id} of {benefit} (profile {one.profile_id or 'unknown'})"
    if forgotten is not None:
        number = forgotten.order_number
        sentence = (
            f"{about} belongs to our order {number}, and the ledger does not know it. Was an older copy restored?"
        )
        return Disagreement(DisagreementCode.REDEMPTION_UNKNOWN, sentence, number, ids=(one.id,), forgotten=forgotten)
    if one.external_id is not None:
        sentence = f"{about} begins with our prefix: {one.external_id}. The ledger does not know it."
        return Disagreement(DisagreementCode.REDEMPTION_UNKNOWN, sentence, ids=(one.id,))
    sentence = f"{about} belongs to no use of the ledger: it may be ours or a till's."
    return Disagreement(DisagreementCode.REDEMPTION_UNOWNED, sentence, ids=(one.id,))


_LAST = 9
# Of redemptions that were rolled back without a row of their own, the likeliest first; one that no use owns is 3.
_LIKELIHOOD = {UseState.ROLLED_BACK: 0, UseState.ROLLING_BACK: 1, UseState.RELEASED: 2, UseState.REFUSED: 2}


def returned_without_a_row(
    redemptions: Sequence[Redemption],
    uses: Sequence[RollbackRecord],
    gone: Collection[str],
    *,
    benefit_id: str,
    standing: int,
    of_cancelled: Collection[str | None],
) -> set[str]:
    """Find redemptions of a benefit that were rolled back where Omneo lists no rollbacks: uses left decide how many.

    ``redemptions`` are all of the profile, ``gone`` those that rows show as rolled back, ``standing`` how many uses of
    the benefit stand at Omneo. Those that the ledger has rolled back come first, then those ``of_cancelled`` orders.
    """
    owners = {use.redemption_id: use for use in uses if use.redemption_id}

    def likelihood(one: Redemption) -> int:
        owner = owners.get(one.id)
        if owner is None:
            return 3
        return _LIKELIHOOD.get(owner.state, 2 if one.id in of_cancelled else _LAST)

    live = [one for one in redemptions if one.kind == "redeem" and one.id not in gone and benefit_id in one.benefit_ids]
    surplus = sum(one.count for one in live) - standing
    found = set()
    for one in sorted(live, key=likelihood):
        if one.count <= surplus:
            found.add(one.id)
            surplus -= one.count
    return found


def is_returned(redemptions: Sequence[Redemption], uses: Sequence[RollbackRecord]) -> set[str]:
    """Find the ids of the redemptions that a reversal or return rolled back.

    Omneo does not say which redemption a rollback belongs to. The ledger knows its own; any other rollback is assigned
    to the latest earlier redemption of that benefit, and to one that is not ours where there is one.
    """
    oldest_first = sorted(
        (one for one in redemptions if one.created_at), key=lambda one: (one.created_at, _number(one))
    )
    rollbacks = [one for one in oldest_first if one.kind != "redeem"]
    returned_by = {use.redemption_id: use.rollback_id for use in uses if use.redemption_id and use.rollback_id}
    shown = {one.id for one in rollbacks}
    gone = {redemption_id for redemption_id, rollback_id in returned_by.items() if rollback_id in shown}
    free = [one for one in rollbacks if one.id not in returned_by.values()]
    unnamed = {use.redemption_id for use in uses if use.state is UseState.ROLLED_BACK and use.rollback_id is None}
    ours = {use.redemption_id for use in uses if use.redemption_id}
    for rollback in free:
        earlier = [
            one for one in oldest_first if one.kind == "redeem" and one.id not in gone and _may_roll_back(rollback, one)
        ]
        by_likelihood = sorted(earlier, key=lambda one: (one.id in unnamed, one.id not in ours))
        if by_likelihood:
            gone.add(by_likelihood[-1].id)
    return gone


def _may_roll_back(rollback: Redemption, one: Redemption) -> bool:
    is_later = rollback.created_at is not None and one.created_at is not None and rollback.created_at >= one.created_at
    return is_later and bool(set(rollback.benefit_ids) & set(one.benefit_ids))


def _number(one: Redemption) -> int:
    return int(one.id) if one.id.isdecimal() else 0


def compare_waiting(
    uses: Sequence[UseRecord], deliveries: Sequence[DeliveryRecord], now: datetime
) -> Iterator[Disagreement]:
    """Find what waits for manual review, and what no worker has moved for an hour."""
    for use in uses:
        about = f"Use {use.use_id} of {use.name}{f' for order {use.order_number}' if use.order_number else ''}"
        if use.state is UseState.MANUAL_REVIEW:
            sentence = f"{about} waits for manual review: {use.note or 'no reason is noted'}."
            yield Disagreement(DisagreementCode.MANUAL_REVIEW, sentence, use.order_number, use.use_id)
        elif _is_stuck(use, now):
            sentence = (
                f"{about} is {use.state.replace('_', ' ')} for more than an hour: {use.note or 'is a worker running?'}"
            )
            yield Disagreement(DisagreementCode.STUCK, sentence, use.order_number, use.use_id)
    for delivery in deliveries:
        about = f"The transaction of order {delivery.order_number}"
        if delivery.state is DeliveryState.STOPPED:
            sentence = f"{about} is stopped: {delivery.note or 'no reason is noted'}"
            yield Disagreement(DisagreementCode.DELIVERY_STOPPED, sentence, delivery.order_number)
        elif _waits_long(delivery, now):
            sentence = f"{about} is not delivered for more than an hour: {delivery.note or 'is a worker running?'}"
            yield Disagreement(DisagreementCode.STUCK, sentence, delivery.order_number)


def _is_stuck(use: UseRecord, now: datetime) -> bool:
    if use.state is UseState.IN_DOUBT and use.sent_at is not None:
        return use.sent_at < now - STUCK_AFTER
    expected = [at for at in (use.lease_until, use.due_at) if at is not None] or [use.updated_at]
    return max(expected) < now - STUCK_AFTER


def _waits_long(delivery: DeliveryRecord, now: datetime) -> bool:
    expected = max(delivery.due_at, delivery.lease_until or delivery.due_at)
    return expected < now - STUCK_AFTER or delivery.attempts >= _MANY_ATTEMPTS
