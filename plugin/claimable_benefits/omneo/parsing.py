"""Parse Omneo's records into the values of the domain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from claimable_benefits.cache.lru import LruCache
from claimable_benefits.domain.benefits import Benefit, Definition, RecordedTransaction, Redemption
from claimable_benefits.domain.storable import LONGEST_ID
from claimable_benefits.errors import InvalidResponse
from claimable_benefits.omneo import codec


@dataclass(frozen=True, slots=True)
class FieldReader:
    """Parses JSON into domain values. Raises `InvalidResponse` for a record without an id, and tolerates the rest.

    ``echo`` is for tenants that repeat the wall-clock times they were sent instead of converting them to UTC: those are
    read in the record's own zone, or else in ``zone``, the tenant's. Omneo's own timestamps are UTC in either case.
    """

    zone: tzinfo = UTC
    echo: bool = False

    def definition(self, value: object) -> Definition:
        """Parse a definition (Omneo facts 13.2)."""
        raw = codec.mapping(value)
        return _definition(raw, codec.required_id(raw))

    def benefit(self, value: object) -> Benefit:
        """Parse a benefit (Omneo facts 13.1); its definition may be whole, partial, an id or missing."""
        raw = codec.mapping(value)
        kind = codec.mapping(raw.get("definition"))
        bare = kind.get("id") or raw.get("benefit_definition_id") or raw.get("definition")
        definition = _definition(kind, codec.identifier(bare) or "")
        return Benefit(
            id=codec.required_id(raw),
            definition=definition,
            profile_id=codec.identifier(raw.get("profile_id")),
            external_id=codec.identifier(raw.get("external_id")),
            issued_at=self._moment(raw, "issued_at"),
            expires_at=self._moment(raw, "expires_at"),
            claimed_at=codec.moment(raw.get("claimed_at")),
            timezone=codec.optional_text(raw.get("timezone"), LONGEST_ID),
            is_expired=codec.flag(raw.get("is_expired")),
            is_redeemable=codec.flag(raw.get("is_redeemable"), default=True),
            remaining=codec.count(raw.get("redemptions_remaining")),
            code_online=codec.code(raw.get("redeem_code_online")) or definition.code_online,
            code_store=codec.code(raw.get("redeem_code_pos")) or definition.code_store,
        )

    def redemption(self, value: object, kind: str = "redeem") -> Redemption:
        """Parse a use, return or reversal (Omneo facts 13.3 and 13.4); it is a ``kind`` where the answer does not say.

        ``external_id`` is our reference, whichever field carried it; ``order_number`` is that of a linked transaction.
        """
        raw = codec.mapping(value)
        items = [item for item in map(codec.mapping, _list(raw.get("items"))) if _is_of_benefit(item)]
        if _is_of_benefit(raw):  # one item instead of the whole redemption
            items = [raw]
        used = [codec.mapping(item.get("type_attributes")) for item in items]
        linked = codec.mapping(raw.get("transaction"))
        stated = codec.text(raw.get("type"), LONGEST_ID).lower()
        return Redemption(
            id=_redemption_id(raw),
            kind=stated if stated in {"redeem", "return", "reversal"} else kind,
            profile_id=codec.identifier(raw.get("profile_id")),
            benefit_ids=tuple(found for found in (codec.identifier(benefit.get("id")) for benefit in used) if found),
            benefit_names=tuple(name for name in map(_name, used) if name),
            benefit_handles=tuple(handle for handle in map(_handle, used) if handle),
            benefit_references=tuple(
                r for r in (codec.identifier(benefit.get("external_id")) for benefit in used) if r
            ),
            count=sum(codec.count(item.get("count")) or 1 for item in items) or 1,
            created_at=codec.moment(raw.get("created_at")),
            redeemed_at=self._moment(raw, "redeem_at"),
            transaction_id=codec.identifier(raw.get("transaction_id")) or codec.identifier(linked.get("id")),
            order_number=codec.identifier(linked.get("external_id")),
            external_id=codec.identifier(raw.get("external_id"))
            or codec.identifier(raw.get("transaction_external_id")),
            location_id=_location_id(raw) or _location_id(linked),
        )

    def transaction(self, value: object) -> RecordedTransaction:
        """Parse a transaction (Omneo facts 13.5); its redemption is an object or a bare id."""
        raw = codec.mapping(value)
        redemption = raw.get("redemption")
        linked = codec.mapping(redemption).get("id") or redemption or raw.get("redemption_id")
        return RecordedTransaction(
            id=codec.required_id(raw),
            external_id=codec.identifier(raw.get("external_id")),
            total=codec.decimal(raw.get("total")),
            redemption_id=codec.identifier(linked),
            profile_id=codec.identifier(raw.get("profile_id"))
            or codec.identifier(codec.mapping(raw.get("profile")).get("id")),
            is_void=codec.flag(raw.get("is_void")),
            location_id=_location_id(raw),
            transacted_at=self._moment(raw, "transacted_at"),
        )

    def _moment(self, raw: Mapping[str, object], name: str) -> datetime | None:
        if not self.echo:
            return codec.moment(raw.get(name))
        return codec.moment(raw.get(name), codec.zone_named(raw.get("timezone")) or self.zone)


# Every benefit of every shopper repeats one of a few long definitions: each is parsed once.
_read: LruCache[tuple[Mapping[str, object], Definition]] = LruCache(entries=2000, weight=4_000_000)
_BARE = 2000  # bytes of a definition without its texts, roughly


def _definition(raw: Mapping[str, object], definition_id: str) -> Definition:
    known = _read.get(definition_id)
    if known and known[0] == raw:
        return known[1]
    definition = _read_definition(raw, definition_id)
    texts = sum(len(value) for value in raw.values() if isinstance(value, str))
    _read.put(definition_id, (raw, definition), _BARE + 2 * texts)
    return definition


def _read_definition(raw: Mapping[str, object], definition_id: str) -> Definition:
    handle = codec.identifier(raw.get("handle")) or ""  # it goes back to Omneo, so it is never repaired
    is_limited = raw.get("max_global_redemptions") is not None
    return Definition(
        id=definition_id,
        handle=handle,
        name=codec.text(raw.get("name"), LONGEST_ID) or handle,
        short_description=codec.text(raw.get("short_description")),
        long_description=codec.text(raw.get("long_description")),
        terms=codec.text(raw.get("terms_conditions")),
        earn_instructions=codec.text(raw.get("earn_instructions")),
        instructions_online=codec.text(raw.get("redeem_instructions_online")),
        instructions_store=codec.text(raw.get("redeem_instructions_store")),
        code_online=codec.code(raw.get("redeem_code_online")),
        code_store=codec.code(raw.get("redeem_code_pos")),
        image_url=codec.optional_text(raw.get("image_url")),
        type=codec.optional_text(raw.get("type"), LONGEST_ID),
        value=codec.decimal(raw.get("value")),
        period=codec.count(raw.get("period")),
        period_type=codec.optional_text(raw.get("period_type"), LONGEST_ID),
        max_redemptions=codec.count(raw.get("max_redemptions")),
        global_remaining=codec.count(raw.get("total_global_redemptions_remaining")) if is_limited else None,
        is_claimable=codec.flag(raw.get("is_claimable")),
        is_reclaimable=codec.flag(raw.get("is_reclaimable")),
        is_published=codec.flag(raw.get("is_published"), default=True),
        claim_from=codec.moment(raw.get("claim_period_start_at")),
        claim_until=codec.moment(raw.get("claim_period_end_at")),
        tags=_tags(raw.get("tags")),
    )


def profile_id(value: object, handle: str, customer_id: str) -> str | None:
    """Find the profile in the answer to an identity search, whose shape is undocumented (Omneo facts 2).

    None where it holds nothing. A record of another identity is skipped. Raises `InvalidResponse` where it names two
    profiles: a shopper must never see another shopper's benefits.
    """
    if isinstance(value, str | int):
        return codec.required_id({"id": value}) if codec.text(value).strip() else None
    records = [value] if isinstance(value, dict) and value else codec.elements(value)
    ours = [record for record in records if _is_about(codec.mapping(record), handle, customer_id)]
    found = {_profile_in(record) for record in ours}
    if len(found) > 1:
        raise InvalidResponse("Omneo's answer names more than one profile for one identity.")
    return found.pop() if found else None


def _is_about(raw: Mapping[str, object], handle: str, customer_id: str) -> bool:
    named = codec.identifier(raw.get("handle")), codec.identifier(raw.get("identifier"))
    return named[0] in {None, handle} and named[1] in {None, customer_id}


def _profile_in(record: object) -> str:
    if isinstance(record, str):
        return codec.required_id({"id": record})
    raw = codec.mapping(record)
    named = codec.identifier(raw.get("profile_id")) or codec.identifier(codec.mapping(raw.get("profile")).get("id"))
    if named is None and "identifier" in raw:  # its id is that of the identity, not of the profile
        raise InvalidResponse("Omneo's answer holds an identity without its profile.")
    return named or codec.required_id(raw)


def _redemption_id(raw: Mapping[str, object]) -> str:
    # The id of an item or of a benefit is a number too: used as a redemption's, it would roll back another one.
    if _is_of_benefit(raw) or "definition" in raw or "redemptions_remaining" in raw:
        return codec.required_id(raw, "redemption_id")
    return codec.required_id(raw)


def _location_id(raw: Mapping[str, object]) -> str | None:
    return codec.identifier(raw.get("location_id")) or codec.identifier(codec.mapping(raw.get("location")).get("id"))


def _is_of_benefit(item: Mapping[str, object]) -> bool:
    return "benefit" in codec.text(item.get("type"), LONGEST_ID).lower()


def _name(benefit: Mapping[str, object]) -> str:
    return codec.text(codec.mapping(benefit.get("definition")).get("name"), LONGEST_ID)


def _handle(benefit: Mapping[str, object]) -> str:
    return codec.identifier(codec.mapping(benefit.get("definition")).get("handle")) or ""


def _tags(value: object) -> tuple[str, ...]:
    named = (codec.mapping(tag).get("name") or codec.mapping(tag).get("id") or tag for tag in _list(value))
    return tuple(tag for tag in (codec.text(one, LONGEST_ID) for one in named) if tag)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else list(codec.mapping(value).values())
