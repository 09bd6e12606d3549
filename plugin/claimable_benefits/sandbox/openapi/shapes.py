"""What answers look like, as JSON Schema: every field there is, and no other (Omneo facts 13)."""

from __future__ import annotations

from claimable_benefits.sandbox.api import locations, profiles, transaction_lines
from claimable_benefits.sandbox.openapi.schemas import (
    ANYTHING,
    FLAG,
    FREE,
    NOTHING,
    NUMBER,
    NUMBER_OR_NULL,
    TEXT,
    TIME,
    TIME_OR_NULL,
    TIMES,
    WHOLE,
    WHOLE_OR_NULL,
    WORD,
    Schema,
    each,
    exactly,
    many,
    of_kinds,
    or_null,
    ref,
    thing,
)
from claimable_benefits.sandbox.serializers import definition_fields, transaction_fields

_PROFILE = {
    "id": WORD,
    **of_kinds(profiles.FIELDS),
    "tier": or_null(thing(handle=WORD, name=WORD)),
    **TIMES,
}
_IDENTITY = {
    "id": WHOLE,
    **each(("profile_id", "handle", "identifier"), WORD),
    **each(("is_primary", "is_active"), FLAG),
    "merged_from": TEXT,
    **TIMES,
}
_DEFINITION = {
    "id": WHOLE,
    "handle": WORD,
    "name": WORD,
    "type": TEXT,
    "external_id": TEXT,
    "campaign": TEXT,
    "period": WHOLE,
    "period_type": WORD,
    "absolute_expiry": TEXT,
    **each(definition_fields.TIMES, TIME_OR_NULL),
    **each(definition_fields.FLAGS, FLAG),
    **of_kinds(definition_fields.FREE),
    **each(("max_redemptions", "max_global_redemptions", "total_global_redemptions_remaining"), WHOLE_OR_NULL),
    **each(("total_global_redemptions", "total_global_created"), WHOLE),
    **each(("total_allocations", "total_allocations_remaining"), WHOLE_OR_NULL),
    **TIMES,
}
_BENEFIT = {
    "id": WHOLE,
    "profile_id": WORD,
    "external_id": TEXT,
    "issued_at": TIME,
    **each(("expires_at", "claimed_at", "extended_at"), TIME_OR_NULL),
    "timezone": WORD,
    **each(("is_expired", "is_redeemable", "is_combined"), FLAG),
    **each(("redemptions_remaining", "total_global_redemptions_remaining"), WHOLE_OR_NULL),
    **each(("redeem_code_pos", "redeem_code_online"), TEXT),
    "value": NUMBER_OR_NULL,
    **each(("combine_meta", "source_id", "source_type"), NOTHING),
    "meta": FREE,
    "definition": ref("BenefitDefinition"),
    **TIMES,
}
_MONEY = ("reward_balance", "point_balance", "point_balance_dollars", "credit_balance", "combined_balance_dollars")
_MONIES = {**each(_MONEY, NUMBER), "benefit_balance": WHOLE}
_PLACE = or_null(thing(id=WHOLE, name=WORD, external_id=TEXT))
_OLD_ITEM = thing(id=WHOLE, type=WORD, count=WHOLE)
_REDEMPTION = {
    "id": WHOLE,
    "profile_id": WORD,
    "profile": or_null(
        thing(first_name=TEXT, last_name=TEXT, full_name=TEXT, email=TEXT, statuses=FREE),
    ),
    "type": {"enum": ["redeem", "return", "reversal"]},
    "total": NUMBER,
    "total_localised": NUMBER,
    "meta": FREE,
    "location_id": WHOLE_OR_NULL,
    "location": or_null(ref("Location")),
    "transaction_id": WHOLE_OR_NULL,
    "transaction": or_null(
        thing(external_id=TEXT, receipt_ref=TEXT, transacted_at=TIME, total=NUMBER, location=_PLACE),
    ),
    "redeem_at": TIME_OR_NULL,
    "items": many(ref("RedemptionItem")),
    **TIMES,
}
_USED = {
    "id": WHOLE,
    "type": WORD,
    "value": NOTHING,
    "count": WHOLE,
    "type_attributes": or_null(ref("Benefit")),
    **TIMES,
}
_SUCCESSFUL = {
    **{name: _REDEMPTION[name] for name in ("id", "profile_id", "type", "total", "total_localised")},
    **{name: _REDEMPTION[name] for name in ("location_id", "location", "meta", "created_at", "updated_at")},
    "transaction_external_id": TEXT,
    "transaction_receipt_ref": TEXT,
    "currency": exactly({"id": WHOLE, "from": WORD, "to": WORD, "rate": NUMBER, "is_system": FLAG}),
    "balances": ref("Balances"),
}
_BRIEF = thing(
    id=WHOLE,
    type=WORD,
    total=NUMBER,
    total_localised=NUMBER,
    location_id=WHOLE_OR_NULL,
    location=or_null(ref("Location")),
    items=many(_OLD_ITEM),
)
_LINE = {
    "id": WHOLE,
    "name": WORD,
    **each(("quantity", "price_current", "price_sell"), NUMBER),
    **of_kinds(transaction_lines.ITEM),
    **each(("product_id", "product", "price_tax", "order_id", "pivot"), NOTHING),
    "product_images": many(ANYTHING),
    "transaction_id": WHOLE,
    "transaction": thing(receipt_ref=TEXT, external_id=TEXT),
    **TIMES,
}
_TRANSACTION = {
    "id": WHOLE,
    **of_kinds(transaction_fields.COLUMNS),
    **of_kinds(transaction_fields.FREE),
    "profile_id": TEXT,
    "profile": or_null(thing(email=TEXT)),
    "total": NUMBER,
    "total_converted": NUMBER,
    "transacted_at": TIME,
    "timezone": WORD,
    "is_void": FLAG,
    "redemption": or_null(_BRIEF),
    "reversed_redemptions": many(_BRIEF),
    "location": or_null(ref("Location")),
    **each(("claimed_at", "staff", "organisation"), NOTHING),
    **each(("currency_id", "currency_rate"), NUMBER),
    **each(("currency_values", "tier_points"), many(ANYTHING)),
    "items": many(ref("TransactionItem")),
    **TIMES,
}
_LOCATION = {"id": WHOLE, "name": WORD, "external_id": TEXT, **of_kinds(locations.FREE), **TIMES}
_WEBHOOK = {
    "id": WHOLE,
    **each(("trigger", "url", "namespace", "queue"), WORD),
    **each(("is_active", "retry_hourly", "retry_daily"), FLAG),
    **each(("condition", "extra_data_template"), ANYTHING),
    **TIMES,
}
_TOKEN = {
    **each(("id", "name"), WORD),
    "scopes": many(WORD),
    "revoked": FLAG,
    "expires_at": TIME,
    **each(("user_id", "client_id"), WHOLE),
    **TIMES,
}
_LINK = thing(url=TEXT, label=WORD, active=FLAG)

SHAPES: dict[str, Schema] = {
    "Profile": exactly(_PROFILE),
    "Identity": exactly(_IDENTITY),
    "FullIdentity": exactly(_IDENTITY, {"profile": ref("Profile")}),
    "BenefitDefinition": exactly(_DEFINITION),
    "Benefit": exactly(_BENEFIT),
    "Allocation": thing(
        id=WHOLE,
        definition_id=WHOLE,
        definition_type=WORD,
        code=WORD,
        name=TEXT,
        value=NUMBER_OR_NULL,
        external_id=TEXT,
        valid_from=TIME_OR_NULL,
        valid_to=TIME_OR_NULL,
        allocated_at=TIME_OR_NULL,
        benefit_id=WHOLE_OR_NULL,
        **TIMES,
    ),
    "Redemption": exactly(_REDEMPTION),
    "RedemptionItem": exactly(_USED),
    "SuccessfulRedemption": exactly(_SUCCESSFUL),
    "Balances": exactly({**_MONIES, "localised": exactly(_MONIES), "currency": WORD}),
    "Transaction": exactly(_TRANSACTION),
    "TransactionItem": exactly(_LINE),
    "Location": exactly(_LOCATION),
    "Webhook": exactly(_WEBHOOK),
    "Token": exactly(_TOKEN),
    "UsedItem": exactly({**_USED, "redemption_id": WHOLE, "redeemable_type": WORD, "redeemable_id": WHOLE}),
    "Links": thing(first=WORD, last=WORD, prev=TEXT, next=TEXT),
    "Meta": exactly(
        {
            **each(("current_page", "last_page", "per_page", "total"), WHOLE),
            **each(("from", "to"), WHOLE_OR_NULL),
            "links": many(_LINK),
            "path": WORD,
        }
    ),
    "Error": thing(message=WORD),
    "ValidationError": thing(message=WORD, errors={"type": "object", "additionalProperties": many(WORD)}),
}
