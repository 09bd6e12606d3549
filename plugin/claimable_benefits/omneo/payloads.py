"""Make the payloads of requests to Omneo from domain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from claimable_benefits.domain.references import external_id_of
from claimable_benefits.domain.shop import Item, Transaction
from claimable_benefits.omneo import codec

Payload = dict[str, object]
UTC_ZONE = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class PayloadWriter:
    """Makes payloads; times are sent as wall-clock time of ``zone``, with its name beside them (Omneo facts 1.5)."""

    zone: ZoneInfo

    def claim(self, handle: str, reference: str) -> Payload:
        """Claim a definition by its handle (Omneo facts 6, form A)."""
        return {"definition": handle, "timezone": self.zone.key, "external_id": reference}

    def redeem(self, at: datetime, reference: str) -> Payload:
        """Redeem in the guide dialect (Omneo facts 8, form S)."""
        return {**self._moment("issued_at", at), "external_id": reference}

    def redeem_by_strategy(self, benefit_id: str, handle: str | None, reference: str) -> Payload:
        """Redeem in the reference dialect (Omneo facts 8, form T)."""
        benefit: Payload = {"id": codec.id_to_send(benefit_id), "quantity": 1}
        if handle:
            benefit["handle"] = handle
        return {"strategies": ["benefits"], "benefits": [benefit], "transaction_external_id": reference}

    def issue(
        self, definition_id: str, profile_id: str, at: datetime, reference: str | None, expires_at: datetime | None
    ) -> Payload:
        """Issue a benefit (Omneo facts 4).

        Its zone is always the shop's: Omneo computes from it at the end of which day the benefit expires (Omneo facts
        16.7). In the repeated hour of a clock change it may so be issued an hour early.
        """
        optional = {
            "external_id": reference,
            "expires_at": self._wall_clock(expires_at) if expires_at else None,
        }
        return {
            "benefit_definition_id": codec.id_to_send(definition_id),
            "profile_id": profile_id,
            "issued_at": self._wall_clock(at),
            "timezone": self.zone.key,
            **_given(optional),
        }

    def definition(self, fields: Mapping[str, object]) -> Payload:
        """Create a definition from the merchant's fields (Omneo facts 13.2); aware times in UTC, as it has no zone."""
        return {
            name: codec.wall_clock(value, UTC) if isinstance(value, datetime) else value
            for name, value in fields.items()
        }

    def transaction(self, transaction: Transaction, profile_id: str | None, redemption_id: str | None) -> Payload:
        """Record a transaction (Omneo facts 13.5); unknown fields are left out, because some must not be null."""
        links = {
            "profile_id": profile_id,
            "redemption_id": codec.id_to_send(redemption_id) if redemption_id else None,
        }
        external_id = external_id_of(transaction.order_number)
        return {
            "external_id": external_id,
            "total": transaction.total,
            "total_original": transaction.total_original,
            "currency": transaction.currency,
            **self._moment("transacted_at", transaction.transacted_at),
            "items": [
                _item(item, f"{external_id}-{position}") for position, item in enumerate(transaction.items, start=1)
            ],
            **_given(links),
            **({"is_void": True} if transaction.is_void else {}),
        }

    def _moment(self, name: str, at: datetime) -> Payload:
        """Write a time and its zone: UTC in the hour that the shop's clocks show twice, as nothing else tells them."""
        zone = UTC_ZONE if codec.is_repeated(at, self.zone) else self.zone
        return {name: codec.wall_clock(at, zone), "timezone": zone.key}

    def _wall_clock(self, at: datetime) -> str:
        return codec.wall_clock(at, self.zone)


def _item(item: Item, external_id: str) -> Payload:
    """One line of a transaction (Omneo facts 13.6); by its external id a repeated delivery updates the same line."""
    payload: Payload = {
        "external_id": external_id,
        "name": item.name,
        "quantity": item.quantity,
        "price_original": item.price,
        "price_current": item.price,
        "price_sell": item.price_paid,
        **_given({"sku": item.sku}),
    }
    if item.discount:
        reason = _given({"reason_desc": item.discount_reason})
        payload["discounts"] = [{"amount": item.discount, **reason}]
    return payload


def _given(fields: Mapping[str, object]) -> Payload:
    return {name: value for name, value in fields.items() if value is not None}
