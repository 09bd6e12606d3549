"""Record, look up and void transactions."""

from __future__ import annotations

from collections.abc import Mapping

from claimable_benefits.domain.benefits import RecordedTransaction
from claimable_benefits.domain.references import external_id_of
from claimable_benefits.domain.shop import Transaction
from claimable_benefits.errors import AuthenticationError, InvalidResponse, PermissionDenied, Rejected
from claimable_benefits.omneo import paths
from claimable_benefits.omneo.codec import data, dump
from claimable_benefits.omneo.dialects import CallVariant
from claimable_benefits.omneo.resource import Resource
from claimable_benefits.omneo.session import ApiCall

_RECORD = "record a transaction"


class Transactions(Resource):
    """Calls about transactions (Omneo facts 11). All raise `OmneoError`."""

    def record_transaction(
        self, transaction: Transaction, *, profile_id: str | None, redemption_id: str | None
    ) -> RecordedTransaction:
        """Record an order under its number; a repeat replaces it with the newer content.

        On a tenant without the upsert the client looks the order up first. That is safe for repeats, but not for two
        senders at the same time: one order must have one sender at a time. ``profile_id`` is None for a guest.
        """
        body = self._session.writer.transaction(transaction, profile_id, redemption_id)
        upsert = ApiCall("POST", paths.TRANSACTION_UPSERT.guide, body=_whole(body), lane="deliver")
        variants = [
            CallVariant("update-create", lambda: self._session.write(upsert, self._transaction)),
            CallVariant("look up first", lambda: self._look_up_and_record(transaction.order_number, body)),
        ]
        return self._session.dialects.first_supported(_RECORD, variants, sticky=False)

    def check_transaction(self, transaction: Transaction) -> None:
        """Write the payload and send nothing. Raises `ValueError` or `OverflowError` where it cannot be written."""
        dump(self._session.writer.transaction(transaction, None, None))

    def upserts(self) -> bool:
        """Whether this tenant is known to have the upsert: a repeated order then never becomes two."""
        return self._session.dialects.known_variant(_RECORD) == "update-create"

    def create_transaction(
        self, transaction: Transaction, *, profile_id: str | None, redemption_id: str | None
    ) -> RecordedTransaction:
        """Record an order without a lookup: a repeat makes a second transaction."""
        return self._create(self._session.writer.transaction(transaction, profile_id, redemption_id))

    def transaction_by_order(self, order_number: str) -> RecordedTransaction | None:
        """Read the transaction with this order number; None where there is none."""
        call = ApiCall("GET", paths.TRANSACTION_BY_ORDER.guide, {"order_number": external_id_of(order_number)})
        return self._session.find(call, self._transaction)

    def transactions_with(self, order_number: str) -> tuple[RecordedTransaction, ...]:
        """Read every transaction with this order number, oldest first: plain POSTs can make several (Omneo facts 11).

        At most a hundred. Where the tenant cannot filter its list, only the one that it finds by the number.
        """
        order_number = external_id_of(order_number)
        try:
            query = {"filter[external_id]": order_number, "sort": "id"}
            listed = self._pages(paths.TRANSACTIONS.guide, self._session.reader.transaction, query=query)(1).items
        except (
            Rejected,
            InvalidResponse,
            AuthenticationError,
            PermissionDenied,
        ):  # no such filter, or no permission to list
            listed = ()
        if found := tuple(one for one in listed if one.external_id == order_number):
            return found
        known = self.transaction_by_order(order_number)
        return () if known is None else (known,)

    def void_transaction(
        self, transaction_id: str, *, is_void: bool = True, without_redemption: bool = False
    ) -> RecordedTransaction:
        """Void a transaction, or with ``is_void`` False make it count again (Omneo facts 11).

        ``without_redemption`` unlinks its redemption in the same call: some tenants return the benefit of a voided sale
        (Omneo facts 16.31). Raises `OutcomeUnknown` where it is in doubt; a repeat is safe.
        """
        link: dict[str, object] = {"redemption_id": None} if without_redemption else {}
        call = ApiCall(
            "PUT", paths.TRANSACTION.guide, {"transaction_id": transaction_id}, body={"is_void": is_void, **link}
        )
        return self._session.write(call, self._transaction)

    def _look_up_and_record(self, order_number: str, body: Mapping[str, object]) -> RecordedTransaction:
        known = self.transaction_by_order(order_number)
        if known is None:
            return self._create(body)
        call = ApiCall("PUT", paths.TRANSACTION.guide, {"transaction_id": known.id}, body=_whole(body), lane="deliver")
        return self._session.write(call, self._transaction)

    def _create(self, body: Mapping[str, object]) -> RecordedTransaction:
        return self._session.write(
            ApiCall("POST", paths.TRANSACTIONS.guide, body=body, lane="deliver"), self._transaction
        )

    def _transaction(self, body: object) -> RecordedTransaction:
        return self._session.reader.transaction(data(body))


def _whole(body: Mapping[str, object]) -> Mapping[str, object]:
    """Replace all lines: else a changed order would keep lines of an earlier version, such as returned items.

    Documented for the upsert only (Omneo facts 11); an update that does not know the key ignores it.
    """
    return {**body, "delete_existing_items": True}
