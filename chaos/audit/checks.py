"""Compare the records of shop, ledger, Omneo and payment provider, and report every contradiction as a sentence.

====================  =============================================================================================
lost benefit          a use stands at Omneo and neither a paid order nor a receipt has it, or one of these has a benefit
                      that does not stand; a claim that its shopper sees has no benefit, or the other way round
double redemption     more than one use stands for one order, or for one attempt; one click has claimed twice; a use
                      was returned twice
lost transaction      Omneo has no transaction of a paid order, or one that says something else
duplicate transaction Omneo has two transactions of one order, or one of an unpaid order
wrong charge          the amount charged is not what was shown, or belongs to no order, or a paid order is not charged
stuck row             a use, claim, delivery, refund or order is not in an end state when the run has come to rest
manual review         the ledger has given up on a use, and no till used that benefit in the same minute: two uses at
                      once, of which neither bears a reference, cannot be told apart
====================  =============================================================================================

Where the ledger was put back to an older copy, a use that it forgot is no contradiction in three cases: it is rolled
back, or its paid order owns it again, or reconcile names it. Another use of its benefit may be in manual review.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from chaos.audit.records import LedgerUse, Records, Redemption, Sale, ShopOrder
from chaos.shoppers.tills import TILL_PREFIX


class Violation(StrEnum):
    """What the audit looks for; the values are the fields of the report."""

    LOST_BENEFIT = "lost_benefits"
    DOUBLE_REDEMPTION = "double_redemptions"
    LOST_TRANSACTION = "lost_transactions"
    DUPLICATE_TRANSACTION = "duplicate_transactions"
    WRONG_CHARGE = "wrong_charges"
    STUCK_ROW = "stuck_rows"
    MANUAL_REVIEW = "manual_review"


@dataclass(frozen=True, slots=True)
class Finding:
    """One contradiction: ``subjects`` are the uses and orders whose history explains it."""

    violation: Violation
    sentence: str
    subjects: tuple[str, ...] = ()


_SAME_MINUTE = timedelta(minutes=1)
_UNFINISHED_USES = ("redeeming", "in_doubt", "redeemed", "rolling_back")
_UNCLEAR = "unclear:"  # how the note of a use in doubt begins that more looking up does not decide
_UNFINISHED_CLAIMS = ("claiming", "in_doubt")


def audit(records: Records) -> list[Finding]:
    """Return every contradiction; none where the records agree."""
    index = _RecordIndex(records)
    of_uses = (_unowned_redemptions, _duplicate_uses, _returned_twice, _missing_uses, _missing_receipts)
    of_claims = (_claims, _unknown_claims)
    of_orders = (_sales, _unknown_sales, _charges, _unknown_charges, _totals)
    return [finding for check in (*of_uses, *of_claims, *of_orders, _unfinished) for finding in check(index)]


class _RecordIndex:
    """The records by their keys."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.orders = {order.number: order for order in records.orders}
        self.uses = {use.use_id: use for use in records.uses}
        self.uses_by_redemption = {use.redemption_id: use for use in records.uses if use.redemption_id}
        self.redemptions = {redemption.id: redemption for redemption in records.redemptions}
        self.live_redemptions = [
            redemption for redemption in records.redemptions if redemption.live > 0 and not _is_a_tills(redemption)
        ]
        self.explained = {use.use_id for use in (*reviews_after_tills(records), *reviews_after_amnesia(records))}
        self.forgotten = {use.use_id: use for use in records.forgotten_uses}
        self.forgotten_references = {use.reference for use in records.forgotten_uses}
        # A benefit that is claimed and used in one step bears the reference; its redemption may bear none.
        self.claimed_references = {claimed.id: claimed.reference for claimed in records.claimed}
        self.uses_by_reference = {use.reference: use for use in records.uses}
        self.sales: dict[str | None, list[Sale]] = defaultdict(list)
        for sale in records.sales:
            self.sales[sale.order_number].append(sale)

    def is_kept_by(self, order: ShopOrder, use: LedgerUse) -> bool:
        """Whether an order keeps its use: the order is paid, and no refund has returned the use under its policy."""
        forgotten = self.forgotten.get(order.use_id or "")
        is_its_own = use.use_id == order.use_id or (forgotten is not None and use.reference == forgotten.reference)
        if not is_its_own or not order.was_paid:
            return False
        rule = self.records.refundable.get(use.handle)
        if order.state == "cancelled":
            return rule == "never"
        return order.state == "paid" and not (order.refunded and rule == "always")

    def use_of(self, order: ShopOrder) -> LedgerUse | None:
        """Return the use of an order; one that the ledger forgot has a new row with its reference, or none."""
        forgotten = self.forgotten.get(order.use_id or "")
        if forgotten is not None:
            return self.uses_by_reference.get(forgotten.reference)
        return self.uses.get(order.use_id or "")

    def named_redemption(self, order: ShopOrder) -> Redemption | None:
        """Return the standing redemption of an order whose use the ledger forgot, where reconcile names it."""
        forgotten = self.forgotten.get(order.use_id or "")
        if forgotten is None:
            return None
        return next(
            (one for one in self.live_redemptions if one.reference == forgotten.reference and self.is_named(one)), None
        )

    def is_named(self, redemption: Redemption) -> bool:
        """Whether the ledger forgot a redemption, and reconcile names it."""
        references = {redemption.reference, self.claimed_references.get(redemption.benefit_id)}
        return redemption.id in self.records.named and not references.isdisjoint(self.forgotten_references)

    def duplicate_uses(self) -> set[str]:
        """Return the redemptions beyond the first of one attempt or one order; the ledger's own is the first."""
        extra: set[str] = set()
        by_order: dict[str, list[Redemption]] = defaultdict(list)
        by_reference: dict[str, list[Redemption]] = defaultdict(list)
        for redemption in sorted(self.live_redemptions, key=lambda one: one.id not in self.uses_by_redemption):
            owner = self.uses_by_redemption.get(redemption.id)
            if owner and owner.order_number:
                by_order[owner.order_number].append(redemption)
            if redemption.reference:
                by_reference[redemption.reference].append(redemption)
        for group in (*by_order.values(), *by_reference.values()):
            extra |= {redemption.id for redemption in group[1:]}
        return extra


def _unowned_redemptions(index: _RecordIndex) -> Iterator[Finding]:
    extra = index.duplicate_uses()
    for redemption in index.live_redemptions:
        if redemption.id in extra:
            continue
        use = index.uses_by_redemption.get(redemption.id) or _by_reference(index, redemption)
        order = index.orders.get(use.order_number or "") if use else None
        if (use and use.use_id in index.explained) or index.is_named(redemption):
            continue
        is_right = use and (
            order and index.is_kept_by(order, use) if use.channel == "checkout" else use.state == "consumed"
        )
        if use is None or use.redemption_id != redemption.id or not is_right:
            whose = _describe(use) if use else "no use in the ledger"
            what = f"order {order.number} is {order.state}" if order else "there is no order"
            sentence = f"redemption {redemption.id} of benefit {redemption.benefit_id} stands at Omneo: {whose}, {what}"
            yield Finding(Violation.LOST_BENEFIT, sentence, _subjects(use, order))


def _duplicate_uses(index: _RecordIndex) -> Iterator[Finding]:
    for redemption_id in sorted(index.duplicate_uses()):
        redemption = index.redemptions[redemption_id]
        use = index.uses_by_redemption.get(redemption_id) or _by_reference(index, redemption)
        sentence = f"redemption {redemption_id} with reference {redemption.reference} stands beside another redemption"
        yield Finding(Violation.DOUBLE_REDEMPTION, sentence, _subjects(use, None))


def _returned_twice(index: _RecordIndex) -> Iterator[Finding]:
    for redemption in index.records.redemptions:
        if redemption.live < 0:
            use = index.uses_by_redemption.get(redemption.id) or _by_reference(index, redemption)
            sentence = f"redemption {redemption.id} of benefit {redemption.benefit_id} was rolled back twice"
            yield Finding(Violation.DOUBLE_REDEMPTION, sentence, _subjects(use, None))


def _missing_uses(index: _RecordIndex) -> Iterator[Finding]:
    for order in index.records.orders:
        use = index.use_of(order)
        known = use or index.forgotten.get(order.use_id or "")
        if not order.was_paid or not (order.use_id or order.discount) or (known and not index.is_kept_by(order, known)):
            continue
        redemption = index.redemptions.get(use.redemption_id or "") if use else index.named_redemption(order)
        if redemption is None or not redemption.live:
            what = "which was rolled back" if redemption else "of which Omneo has none"
            whose = _describe(use) if use else f"use {order.use_id}, which the ledger does not have"
            sentence = f"order {order.number} is {order.state} with a benefit off, {what}: {whose}"
            yield Finding(Violation.LOST_BENEFIT, sentence, _subjects(use, order))


def _missing_receipts(index: _RecordIndex) -> Iterator[Finding]:
    for use in index.records.uses:
        if use.channel == "checkout" or use.state != "consumed":
            continue
        redemption = index.redemptions.get(use.redemption_id or "")
        if redemption is None or not redemption.live:
            yield Finding(Violation.LOST_BENEFIT, f"{_describe(use)}, of which Omneo has nothing", _subjects(use, None))


def _claims(index: _RecordIndex) -> Iterator[Finding]:
    there = {claimed.id for claimed in index.records.claimed}
    for claim in index.records.claims:
        if claim.state == "claimed" and claim.benefit_id not in there:
            sentence = f"claim {claim.claim_id} of {claim.handle} has benefit {claim.benefit_id}, which is not at Omneo"
            yield Finding(Violation.LOST_BENEFIT, sentence, (claim.claim_id,))


def _unknown_claims(index: _RecordIndex) -> Iterator[Finding]:
    """Find benefits that no claim shows. A benefit that was claimed and redeemed in one step belongs to its use."""
    claims = {claim.reference: claim for claim in index.records.claims}
    concurrency = {use.reference for use in index.records.uses if use.channel == "claim"}
    forgotten = {claim.reference for claim in index.records.forgotten_claims}
    forgotten |= {use.reference for use in index.records.forgotten_uses}
    seen: set[str | None] = set()
    for claimed in index.records.claimed:
        claim = claims.get(claimed.reference or "")
        if claimed.reference in seen:
            sentence = f"benefit {claimed.id} was claimed by a click that had claimed one already"
            yield Finding(Violation.DOUBLE_REDEMPTION, sentence, (claim.claim_id,) if claim else ())
        elif claim is None and claimed.reference in forgotten:
            pass  # its shopper sees the benefit, as Omneo has it
        elif claimed.reference not in concurrency and (claim is None or claim.benefit_id != claimed.id):
            what = f"claim {claim.claim_id} is {claim.state}" if claim else "there is no claim of it"
            sentence = f"benefit {claimed.id} stands at Omneo as claimed: {what}"
            yield Finding(Violation.LOST_BENEFIT, sentence, (claim.claim_id,) if claim else ())
        seen.add(claimed.reference)


def _sales(index: _RecordIndex) -> Iterator[Finding]:
    for order in index.records.orders:
        if not order.was_paid:
            continue
        sales = index.sales[order.number]
        if not sales:
            sentence = f"order {order.number} is {order.state} and Omneo has no transaction of it"
            yield Finding(Violation.LOST_TRANSACTION, sentence, _subjects(None, order))
        elif different := _difference(index, order, sales[0]):
            sentence = f"transaction {sales[0].id} of {order.state} order {order.number} says {different}"
            yield Finding(Violation.LOST_TRANSACTION, sentence, _subjects(None, order))
        if len(sales) > 1:
            sentence = f"order {order.number} has transactions {', '.join(sale.id for sale in sales)}"
            yield Finding(Violation.DUPLICATE_TRANSACTION, sentence, _subjects(None, order))


def _difference(index: _RecordIndex, order: ShopOrder, sale: Sale) -> str:
    use, linked = index.use_of(order), index.redemptions.get(sale.redemption_id or "")
    expected = use.redemption_id if use else None
    forgotten = index.forgotten.get(order.use_id or "")
    if use is None and forgotten and linked and linked.reference == forgotten.reference:
        expected = linked.id  # the sale arrived before the ledger forgot the use
    if sale.is_void != (order.state == "cancelled"):
        return "that it is void" if sale.is_void else "nothing of the refund: it is not void"
    left = order.total - order.refunded
    if not sale.is_void and sale.total != left:
        return f"a total of {_money(sale.total)} instead of {_money(left)}"
    return f"redemption {sale.redemption_id} instead of {expected}" if sale.redemption_id != expected else ""


def _unknown_sales(index: _RecordIndex) -> Iterator[Finding]:
    for number, sales in index.sales.items():
        order = index.orders.get(number or "")
        if order is None or not order.was_paid:
            state = f"which is {order.state} and was never paid" if order else "which the shop does not have"
            sentence = f"transaction {sales[0].id} is of order {number}, {state}"
            yield Finding(Violation.DUPLICATE_TRANSACTION, sentence, _subjects(None, order))


def _charges(index: _RecordIndex) -> Iterator[Finding]:
    payments = {payment.reference: payment for payment in index.records.payments}
    for order in index.records.orders:
        payment = payments.get(order.number)
        status, amount = (payment.status, payment.amount) if payment else ("none", 0)
        charged = amount - payment.refunded if payment and status == "captured" else 0
        owed = order.total - order.refunded if order.state == "paid" else 0
        if charged != owed:
            sentence = (
                f"order {order.number} is {order.state} over {_money(order.total)}, and {_money(charged)} is charged "
                f"(payment {payment.id if payment else '-'} is {status})"
            )
            yield Finding(Violation.WRONG_CHARGE, sentence, _subjects(None, order))


def _unknown_charges(index: _RecordIndex) -> Iterator[Finding]:
    for payment in index.records.payments:
        if payment.status == "captured" and payment.reference not in index.orders:
            sentence = f"payment {payment.id} is charged for order {payment.reference}, which the shop does not have"
            yield Finding(Violation.WRONG_CHARGE, sentence, (payment.reference,))


def _totals(index: _RecordIndex) -> Iterator[Finding]:
    for order in index.records.orders:
        shown = index.records.shown.get(order.checkout_id, frozenset())
        if order.was_paid and order.total not in shown:
            seen = ", ".join(_money(total) for total in sorted(shown)) or "nothing"
            sentence = f"order {order.number} was paid with {_money(order.total)}; its shopper was shown {seen}"
            yield Finding(Violation.WRONG_CHARGE, sentence, _subjects(None, order))


def _unfinished(index: _RecordIndex) -> Iterator[Finding]:
    for use in index.records.uses:
        if use.use_id in index.explained:
            continue
        if use.state == "manual_review":
            yield Finding(Violation.MANUAL_REVIEW, f"{_describe(use)}: {use.note}", _subjects(use, None))
        elif use.state in _UNFINISHED_USES:
            yield Finding(Violation.STUCK_ROW, f"{_describe(use)}: {use.note}", _subjects(use, None))
    for claim in index.records.claims:
        if claim.state in _UNFINISHED_CLAIMS:
            yield Finding(Violation.STUCK_ROW, f"claim {claim.claim_id} is {claim.state}", (claim.claim_id,))
    for delivery in index.records.deliveries:
        if delivery.state != "delivered":
            sentence = f"the transaction of order {delivery.order_number} is {delivery.state}: {delivery.note}"
            yield Finding(Violation.STUCK_ROW, sentence, (f"order {delivery.order_number}",))
    for number, state in index.records.refunds:
        if state == "open":
            yield Finding(Violation.STUCK_ROW, f"a refund of order {number} is open", (f"order {number}",))
    for order in index.records.orders:
        if order.state == "unknown" or (order.state == "open" and not order.awaits_approval):
            yield Finding(Violation.STUCK_ROW, f"order {order.number} is {order.state}", _subjects(None, order))


def reviews_after_tills(records: Records) -> list[LedgerUse]:
    """Return the uses for manual review whose benefit a till used in the minute in which the shop asked for it.

    One that is unclear gets there after 25 minutes, which is longer than a run.
    """
    by_tills: dict[str, list[datetime]] = defaultdict(list)
    for one in records.redemptions:
        if one.made_at is not None and _is_a_tills(one):
            by_tills[one.benefit_id].append(one.made_at)
    return [
        use
        for use in records.uses
        if _is_for_review(use)
        and any(abs(made_at - at) <= _SAME_MINUTE for made_at in by_tills[use.benefit_id] for at in use.asked_at)
    ]


def reviews_after_amnesia(records: Records) -> list[LedgerUse]:
    """Return the uses in manual review, named by reconcile, of whose benefit the ledger forgot a use."""
    benefits = {use.benefit_id for use in records.forgotten_uses}
    return [
        use
        for use in records.uses
        if _is_for_review(use)
        and use.benefit_id in benefits
        and (use.use_id in records.named or use.state == "in_doubt")
    ]


def _is_for_review(use: LedgerUse) -> bool:
    is_unclear = use.state == "in_doubt" and (use.note or "").startswith(_UNCLEAR)
    return is_unclear or use.state == "manual_review"


def _is_a_tills(redemption: Redemption) -> bool:
    return (redemption.reference or "").startswith(TILL_PREFIX)


def count_by_violation(findings: list[Finding]) -> dict[str, int]:
    """Count the findings of each kind, zeros included."""
    found = Counter(finding.violation for finding in findings)
    return {violation.value: found[violation] for violation in Violation}


def _by_reference(index: _RecordIndex, redemption: Redemption) -> LedgerUse | None:
    return next((use for use in index.records.uses if use.reference == redemption.reference), None)


def _subjects(use: LedgerUse | None, order: ShopOrder | None) -> tuple[str, ...]:
    of_use = (use.use_id,) if use else ()
    of_order = (f"order {order.number}", *((order.use_id,) if order.use_id else ())) if order else ()
    return tuple(dict.fromkeys((*of_use, *of_order)))


def _describe(use: LedgerUse) -> str:
    return f"use {use.use_id} ({use.handle}, order {use.order_number}) is {use.state}"


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
