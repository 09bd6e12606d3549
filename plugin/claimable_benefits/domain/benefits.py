"""Omneo's records as plain values: ids are opaque strings, times aware and in UTC, amounts Decimal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Definition:
    """A kind of benefit (Omneo facts 13.2).

    ``long_description`` and the other texts are untrusted HTML. ``value`` has no documented unit, so no rule reads it.
    """

    id: str
    handle: str
    name: str
    short_description: str = ""
    long_description: str = ""
    terms: str = ""
    earn_instructions: str = ""
    instructions_online: str = ""
    instructions_store: str = ""
    code_online: str | None = None
    code_store: str | None = None
    image_url: str | None = None
    type: str | None = None
    value: Decimal | None = None
    period: int | None = None
    period_type: str | None = None
    max_redemptions: int | None = None
    global_remaining: int | None = None
    is_claimable: bool = False
    is_reclaimable: bool = False
    is_published: bool = True
    claim_from: datetime | None = None
    claim_until: datetime | None = None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Benefit:
    """A benefit that a profile holds (Omneo facts 13.1). ``remaining`` counts remaining uses, None for unlimited."""

    id: str
    definition: Definition
    profile_id: str | None = None
    external_id: str | None = None
    issued_at: datetime | None = None
    expires_at: datetime | None = None
    claimed_at: datetime | None = None
    timezone: str | None = None
    is_expired: bool = False
    is_redeemable: bool = True
    remaining: int | None = None
    code_online: str | None = None
    code_store: str | None = None

    @property
    def name(self) -> str:
        """The definition's name."""
        return self.definition.name

    @property
    def handle(self) -> str:
        """The definition's handle."""
        return self.definition.handle

    def is_usable(self, now: datetime) -> bool:
        """Whether it can be used at ``now``: Omneo's list may hold expired and used-up ones too (Omneo facts 5)."""
        expired = self.is_expired or (self.expires_at is not None and self.expires_at < now)
        return self.is_redeemable and not expired and self.remaining != 0


@dataclass(frozen=True, slots=True)
class Redemption:
    """Omneo's record of a use, a return or a reversal (Omneo facts 13.3)."""

    id: str
    kind: str  # redeem, return or reversal
    profile_id: str | None = None
    benefit_ids: tuple[str, ...] = ()
    benefit_names: tuple[str, ...] = ()
    benefit_handles: tuple[str, ...] = ()
    benefit_references: tuple[str, ...] = ()  # the external ids of the benefits
    count: int = 1
    created_at: datetime | None = None
    redeemed_at: datetime | None = None
    transaction_id: str | None = None
    order_number: str | None = None
    external_id: str | None = None
    location_id: str | None = None  # the place of sale, its own or its transaction's; the extension's have none


@dataclass(frozen=True, slots=True)
class RecordedTransaction:
    """A transaction as Omneo holds it (Omneo facts 13.5)."""

    id: str
    external_id: str | None
    total: Decimal | None = None
    redemption_id: str | None = None
    profile_id: str | None = None
    is_void: bool = False
    location_id: str | None = None  # the place of sale; the extension's transactions have none
    transacted_at: datetime | None = None
