"""Orders at Omneo."""

from __future__ import annotations

from collections.abc import Mapping

from claimable_benefits.domain.benefits import RecordedTransaction
from claimable_benefits.domain.references import external_id_of
from claimable_benefits.domain.shop import Transaction
from claimable_benefits.omneo import paths
from claimable_benefits.omneo.dialects import Form
from claimable_benefits.omneo.resource import Resource
from claimable_benefits.omneo.session import Call
from claimable_benefits.omneo.wire import data

_RECORD = "record a transaction"


class Transactions(Resource):
    """Calls about transactions (Omneo facts 11). All raise ``OmneoError``."""

    def record_transaction(
        self, transaction: Transaction, *, profile_id: str | None, redemption_id: str | None
    ) -> RecordedTransaction:
        """Record an order under its number, once, however often it is repeated with the newest content.

        A tenant without the upsert is asked for the order first. That is safe against repeats, but not against two
        senders at once: one order must have one sender at a time.
        """
        body = self._session.writer.transaction(transaction, profile_id, redemption_id)
        upsert = Call("POST", paths.TRANSACTION_UPSERT.guide, body=_whole(body), lane="deliver")
        forms = [
            Form("update-create", lambda: self._session.write(upsert, self._transaction)),
            Form("look first", lambda: self._look_and_record(transaction.order_number, body)),
        ]
        return self._session.dialects.first_present(_RECORD, forms, loyal=False)

    def upserts(self) -> bool:
        """Whether this tenant is known to record by upsert: a repeated order can then not become two."""
        return self._session.dialects.known_form(_RECORD) == "update-create"

    def create_transaction(
        self, transaction: Transaction, *, profile_id: str | None, redemption_id: str | None
    ) -> RecordedTransaction:
        """Record an order without looking: repeated, it makes a second one."""
        return self._create(self._session.writer.transaction(transaction, profile_id, redemption_id))

    def transaction_by_order(self, order_number: str) -> RecordedTransaction | None:
        """The order as Omneo holds it; None where it does not."""
        call = Call("GET", paths.TRANSACTION_BY_ORDER.guide, {"order_number": external_id_of(order_number)})
        return self._session.find(call, self._transaction)

    def _look_and_record(self, order_number: str, body: Mapping[str, object]) -> RecordedTransaction:
        known = self.transaction_by_order(order_number)
        if known is None:
            return self._create(body)
        call = Call("PUT", paths.TRANSACTION.guide, {"transaction_id": known.id}, body=_whole(body), lane="deliver")
        return self._session.write(call, self._transaction)

    def _create(self, body: Mapping[str, object]) -> RecordedTransaction:
        return self._session.write(Call("POST", paths.TRANSACTIONS.guide, body=body, lane="deliver"), self._transaction)

    def _transaction(self, body: object) -> RecordedTransaction:
        return self._session.reader.transaction(data(body))


def _whole(body: Mapping[str, object]) -> Mapping[str, object]:
    """Without it, a changed order would keep lines of an earlier version, such as what the shopper has sent back.

    Documented for the upsert only (Omneo facts 11); an update that does not know the key ignores it.
    """
    return {**body, "delete_existing_items": True}
