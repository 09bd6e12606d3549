"""Compare what shop, ledger, Omneo and payment provider say, and name every disagreement in words.

====================  =============================================================================================
lost benefit          a use stands at Omneo and neither a paid order nor a receipt has it, or one of these has a benefit
                      that does not stand; a claim that its shopper is told of is not there, or the other way round
double redemption     more than one use stands for one order, or for one attempt; one click has claimed twice
lost transaction      Omneo has no transaction of a paid order, or one that says something else
duplicate transaction Omneo has two transactions of one order, or one of an order that nobody paid
wrong charge          money that moved is not what was shown, or nobody's, or did not move for a paid order
stuck row             something is still on its way when everything is quiet, or has stopped
needs a person        the ledger itself gave up
====================  =============================================================================================
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from chaos.evidence import Evidence, LedgerUse, Redemption, Sale, ShopOrder
from chaos.omneo import TILL


class Wrong(StrEnum):
    """What can be wrong; the names are the fields of the report."""

    LOST_BENEFIT = "lost_benefits"
    DOUBLE_REDEMPTION = "double_redemptions"
    LOST_TRANSACTION = "lost_transactions"
    DUPLICATE_TRANSACTION = "duplicate_transactions"
    WRONG_CHARGE = "wrong_charges"
    STUCK_ROW = "stuck_rows"
    MANUAL_REVIEW = "needs_person"


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement: ``subjects`` are the uses and orders whose history tells more."""

    wrong: Wrong
    sentence: str
    subjects: tuple[str, ...] = ()


_UNSETTLED_USES = ("redeeming", "in_doubt", "redeemed", "rolling_back")
_UNSETTLED_CLAIMS = ("claiming", "in_doubt")


def audit(evidence: Evidence) -> list[Finding]:
    """Every disagreement there is; empty when all is well."""
    books = _Books(evidence)
    of_uses = (_stray_uses, _second_uses, _missing_uses, _missing_receipts, _claims, _strange_claims)
    of_orders = (_sales, _strange_sales, _charges, _strange_charges, _totals)
    return [finding for check in (*of_uses, *of_orders, _unfinished) for finding in check(books)]


class _Books:
    """The evidence by its keys."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.orders = {order.number: order for order in evidence.orders}
        self.uses = {use.use_id: use for use in evidence.uses}
        self.owners = {use.redemption_id: use for use in evidence.uses if use.redemption_id}
        self.redemptions = {redemption.id: redemption for redemption in evidence.redemptions}
        self.customer_version = [
            redemption
            for redemption in evidence.redemptions
            if redemption.live and not (redemption.reference or "").startswith(TILL)
        ]
        self.sales: dict[str | None, list[Sale]] = defaultdict(list)
        for sale in evidence.sales:
            self.sales[sale.order_number].append(sale)

    def keeps(self, order: ShopOrder, use: LedgerUse) -> bool:
        """Whether an order rightly has its use: it is paid, and no refund has given it back under its policy."""
        if order.use_id != use.use_id or not order.was_paid:
            return False
        rule = self.evidence.refundable.get(use.handle)
        if order.state == "cancelled":
            return rule == "never"
        return order.state == "paid" and not (order.refunded and rule == "always")

    def second_uses(self) -> set[str]:
        """The redemptions beyond the first that stand for one attempt or one order; the ledger's own counts first."""
        extra: set[str] = set()
        by_order: dict[str, list[Redemption]] = defaultdict(list)
        by_reference: dict[str, list[Redemption]] = defaultdict(list)
        for redemption in sorted(self.customer_version, key=lambda one: one.id not in self.owners):
            owner = self.owners.get(redemption.id)
            if owner and owner.order_number:
                by_order[owner.order_number].append(redemption)
            if redemption.reference:
                by_reference[redemption.reference].append(redemption)
        for group in (*by_order.values(), *by_reference.values()):
            extra |= {redemption.id for redemption in group[1:]}
        return extra


def _stray_uses(books: _Books) -> Iterator[Finding]:
    extra = books.second_uses()
    for redemption in books.customer_version:
        if redemption.id in extra:
            continue
        use = books.owners.get(redemption.id) or _by_reference(books, redemption)
        order = books.orders.get(use.order_number or "") if use else None
        is_right = use and (order and books.keeps(order, use) if use.channel == "checkout" else use.state == "consumed")
        if use is None or use.redemption_id != redemption.id or not is_right:
            whose = _told(use) if use else "no use in the ledger"
            what = f"order {order.number} is {order.state}" if order else "there is no order"
            sentence = f"redemption {redemption.id} of benefit {redemption.benefit_id} stands at Omneo: {whose}, {what}"
            yield Finding(Wrong.LOST_BENEFIT, sentence, _subjects(use, order))


def _second_uses(books: _Books) -> Iterator[Finding]:
    for redemption_id in sorted(books.second_uses()):
        redemption = books.redemptions[redemption_id]
        use = books.owners.get(redemption_id) or _by_reference(books, redemption)
        sentence = f"redemption {redemption_id} with reference {redemption.reference} stands beside another one"
        yield Finding(Wrong.DOUBLE_REDEMPTION, sentence, _subjects(use, None))


def _missing_uses(books: _Books) -> Iterator[Finding]:
    for order in books.evidence.orders:
        use = books.uses.get(order.use_id or "")
        if not order.was_paid or not (order.use_id or order.discount) or (use and not books.keeps(order, use)):
            continue
        redemption = books.redemptions.get(use.redemption_id or "") if use else None
        if redemption is None or not redemption.live:
            what = "which was given back" if redemption else "of which Omneo has none"
            whose = _told(use) if use else f"use {order.use_id}, which the ledger does not have"
            sentence = f"order {order.number} is {order.state} with a benefit off, {what}: {whose}"
            yield Finding(Wrong.LOST_BENEFIT, sentence, _subjects(use, order))


def _missing_receipts(books: _Books) -> Iterator[Finding]:
    for use in books.evidence.uses:
        if use.channel == "checkout" or use.state != "consumed":
            continue
        redemption = books.redemptions.get(use.redemption_id or "")
        if redemption is None or not redemption.live:
            yield Finding(Wrong.LOST_BENEFIT, f"{_told(use)}, of which Omneo has nothing", _subjects(use, None))


def _claims(books: _Books) -> Iterator[Finding]:
    there = {claimed.id for claimed in books.evidence.claimed}
    for claim in books.evidence.claims:
        if claim.state == "claimed" and claim.benefit_id not in there:
            sentence = f"claim {claim.claim_id} of {claim.handle} has benefit {claim.benefit_id}, which is not at Omneo"
            yield Finding(Wrong.LOST_BENEFIT, sentence, (claim.claim_id,))


def _strange_claims(books: _Books) -> Iterator[Finding]:
    """Benefits that nobody is told of. What was claimed to be used in the same step goes by its use."""
    known = {claim.reference: claim for claim in books.evidence.claims}
    at_once = {use.reference for use in books.evidence.uses if use.channel == "claim"}
    seen: set[str | None] = set()
    for claimed in books.evidence.claimed:
        claim = known.get(claimed.reference or "")
        if claimed.reference in seen:
            sentence = f"benefit {claimed.id} was claimed by a click that had claimed one already"
            yield Finding(Wrong.DOUBLE_REDEMPTION, sentence, (claim.claim_id,) if claim else ())
        elif claimed.reference not in at_once and (claim is None or claim.benefit_id != claimed.id):
            what = f"claim {claim.claim_id} is {claim.state}" if claim else "there is no claim of it"
            sentence = f"benefit {claimed.id} stands at Omneo as claimed: {what}"
            yield Finding(Wrong.LOST_BENEFIT, sentence, (claim.claim_id,) if claim else ())
        seen.add(claimed.reference)


def _sales(books: _Books) -> Iterator[Finding]:
    for order in books.evidence.orders:
        if not order.was_paid:
            continue
        sales = books.sales[order.number]
        if not sales:
            sentence = f"order {order.number} is {order.state} and Omneo has no transaction of it"
            yield Finding(Wrong.LOST_TRANSACTION, sentence, _subjects(None, order))
        elif different := _difference(books, order, sales[0]):
            sentence = f"transaction {sales[0].id} of {order.state} order {order.number} says {different}"
            yield Finding(Wrong.LOST_TRANSACTION, sentence, _subjects(None, order))
        if len(sales) > 1:
            sentence = f"order {order.number} has transactions {', '.join(sale.id for sale in sales)}"
            yield Finding(Wrong.DUPLICATE_TRANSACTION, sentence, _subjects(None, order))


def _difference(books: _Books, order: ShopOrder, sale: Sale) -> str:
    use = books.uses.get(order.use_id or "")
    expected = use.redemption_id if use else None
    if sale.is_void != (order.state == "cancelled"):
        return "that it is void" if sale.is_void else "nothing of the refund: it is not void"
    left = order.total - order.refunded
    if not sale.is_void and sale.total != left:
        return f"a total of {_money(sale.total)} instead of {_money(left)}"
    return f"redemption {sale.redemption_id} instead of {expected}" if sale.redemption_id != expected else ""


def _strange_sales(books: _Books) -> Iterator[Finding]:
    for number, sales in books.sales.items():
        order = books.orders.get(number or "")
        if order is None or not order.was_paid:
            state = f"which is {order.state} and was never paid" if order else "which the shop does not have"
            sentence = f"transaction {sales[0].id} is of order {number}, {state}"
            yield Finding(Wrong.DUPLICATE_TRANSACTION, sentence, _subjects(None, order))


def _charges(books: _Books) -> Iterator[Finding]:
    payments = {payment.reference: payment for payment in books.evidence.payments}
    for order in books.evidence.orders:
        payment = payments.get(order.number)
        status, amount = (payment.status, payment.amount) if payment else ("none", 0)
        charged = amount - payment.refunded if payment and status == "captured" else 0
        owed = order.total - order.refunded if order.state == "paid" else 0
        if charged != owed:
            sentence = (
                f"order {order.number} is {order.state} over {_money(order.total)}, and {_money(charged)} is charged "
                f"(payment {payment.id if payment else '-'} is {status})"
            )
            yield Finding(Wrong.WRONG_CHARGE, sentence, _subjects(None, order))


def _strange_charges(books: _Books) -> Iterator[Finding]:
    for payment in books.evidence.payments:
        if payment.status == "captured" and payment.reference not in books.orders:
            sentence = f"payment {payment.id} is charged for order {payment.reference}, which the shop does not have"
            yield Finding(Wrong.WRONG_CHARGE, sentence, (payment.reference,))


def _totals(books: _Books) -> Iterator[Finding]:
    for order in books.evidence.orders:
        shown = books.evidence.shown.get(order.checkout_id, frozenset())
        if order.was_paid and order.total not in shown:
            seen = ", ".join(_money(total) for total in sorted(shown)) or "nothing"
            sentence = f"order {order.number} was paid with {_money(order.total)}; its shopper was shown {seen}"
            yield Finding(Wrong.WRONG_CHARGE, sentence, _subjects(None, order))


def _unfinished(books: _Books) -> Iterator[Finding]:
    for use in books.evidence.uses:
        if use.state == "manual_review":
            yield Finding(Wrong.MANUAL_REVIEW, f"{_told(use)}: {use.note}", _subjects(use, None))
        elif use.state in _UNSETTLED_USES:
            yield Finding(Wrong.STUCK_ROW, f"{_told(use)}: {use.note}", _subjects(use, None))
    for claim in books.evidence.claims:
        if claim.state in _UNSETTLED_CLAIMS:
            yield Finding(Wrong.STUCK_ROW, f"claim {claim.claim_id} is {claim.state}", (claim.claim_id,))
    for delivery in books.evidence.deliveries:
        if delivery.state != "delivered":
            sentence = f"the transaction of order {delivery.order_number} is {delivery.state}: {delivery.note}"
            yield Finding(Wrong.STUCK_ROW, sentence, (f"order {delivery.order_number}",))
    for number, state in books.evidence.refunds:
        if state == "open":
            yield Finding(Wrong.STUCK_ROW, f"a refund of order {number} is open", (f"order {number}",))
    for order in books.evidence.orders:
        if order.state == "unknown" or (order.state == "open" and not order.waits):
            yield Finding(Wrong.STUCK_ROW, f"order {order.number} is {order.state}", _subjects(None, order))


def counted(findings: list[Finding]) -> dict[str, int]:
    """How many there are of each kind, zeros included."""
    found = Counter(finding.wrong for finding in findings)
    return {wrong.value: found[wrong] for wrong in Wrong}


def _by_reference(books: _Books, redemption: Redemption) -> LedgerUse | None:
    return next((use for use in books.evidence.uses if use.reference == redemption.reference), None)


def _subjects(use: LedgerUse | None, order: ShopOrder | None) -> tuple[str, ...]:
    of_use = (use.use_id,) if use else ()
    of_order = (f"order {order.number}", *((order.use_id,) if order.use_id else ())) if order else ()
    return tuple(dict.fromkeys((*of_use, *of_order)))


def _told(use: LedgerUse) -> str:
    return f"use {use.use_id} ({use.handle}, order {use.order_number}) is {use.state}"


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
