"""What answers look like, as JSON Schema: every field there is, and no other (Omneo facts 13)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import definition_fields, lines, locations, profiles, transaction_fields

Schema = dict[str, Any]

_WHOLE: Schema = {"type": "integer"}
_WHOLE_OR_NULL: Schema = {"type": ["integer", "null"]}
_NUMBER: Schema = {"type": "number"}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
_WORD: Schema = {"type": "string"}
_TEXT: Schema = {"type": ["string", "null"]}
_FLAG: Schema = {"type": "boolean"}
_ANYTHING: Schema = {}
_NOTHING: Schema = {"type": "null"}
_FREE: Schema = {"type": ["object", "array", "null"]}
_WORDS: Schema = {"type": ["array", "null"], "items": _WORD}
_STAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}$"
_TIME: Schema = {"type": "string", "pattern": _STAMP, "description": "UTC, without an offset."}
_TIME_OR_NULL: Schema = {"type": ["string", "null"], "pattern": _STAMP, "description": "UTC, without an offset."}
_TIMES: dict[str, Schema] = {"created_at": _TIME, "updated_at": _TIME}
_OF_KIND: Mapping[str, Schema] = {
    "text": _TEXT,
    "prose": _TEXT,
    "whole": _WHOLE_OR_NULL,
    "number": _NUMBER_OR_NULL,
    "flag": {"type": ["boolean", "null"]},
    "strings": _WORDS,
    "json": _FREE,
    "any": _ANYTHING,
}


def ref(name: str) -> Schema:
    """Return a reference to one of SHAPES."""
    return {"$ref": f"#/components/schemas/{name}"}


def thing(**properties: Schema) -> Schema:
    """Return the schema of an object with exactly these properties."""
    return _thing(properties)


def many(element: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": element}


def _thing(properties: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    every = {**properties, **(optional or {})}
    return {"type": "object", "properties": every, "required": [*properties], "additionalProperties": False}


def _kinds(kinds: Mapping[str, str]) -> dict[str, Schema]:
    return {name: _OF_KIND[kind] for name, kind in kinds.items()}


def _all(names: Iterable[str], schema: Schema) -> dict[str, Schema]:
    return dict.fromkeys(names, schema)


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, _NOTHING]}


_PROFILE = {
    "id": _WORD,
    **_kinds(profiles.FIELDS),
    "tier": _or_null(thing(handle=_WORD, name=_WORD)),
    **_TIMES,
}
_IDENTITY = {
    "id": _WHOLE,
    **_all(("profile_id", "handle", "identifier"), _WORD),
    **_all(("is_primary", "is_active"), _FLAG),
    "merged_from": _TEXT,
    **_TIMES,
}
_DEFINITION = {
    "id": _WHOLE,
    "handle": _WORD,
    "name": _WORD,
    "type": _TEXT,
    "external_id": _TEXT,
    "campaign": _TEXT,
    "period": _WHOLE,
    "period_type": _WORD,
    "absolute_expiry": _TEXT,
    **_all(definition_fields.TIMES, _TIME_OR_NULL),
    **_all(definition_fields.FLAGS, _FLAG),
    **_kinds(definition_fields.FREE),
    **_all(("max_redemptions", "max_global_redemptions", "total_global_redemptions_remaining"), _WHOLE_OR_NULL),
    **_all(("total_global_redemptions", "total_global_created"), _WHOLE),
    **_all(("total_allocations", "total_allocations_remaining"), _WHOLE_OR_NULL),
    **_TIMES,
}
_BENEFIT = {
    "id": _WHOLE,
    "profile_id": _WORD,
    "external_id": _TEXT,
    "issued_at": _TIME,
    **_all(("expires_at", "claimed_at", "extended_at"), _TIME_OR_NULL),
    "timezone": _WORD,
    **_all(("is_expired", "is_redeemable", "is_combined"), _FLAG),
    **_all(("redemptions_remaining", "total_global_redemptions_remaining"), _WHOLE_OR_NULL),
    **_all(("redeem_code_pos", "redeem_code_online"), _TEXT),
    "value": _NUMBER_OR_NULL,
    **_all(("combine_meta", "source_id", "source_type"), _NOTHING),
    "meta": _FREE,
    "definition": ref("BenefitDefinition"),
    **_TIMES,
}
_MONEY = ("reward_balance", "point_balance", "point_balance_dollars", "credit_balance", "combined_balance_dollars")
_MONIES = {**_all(_MONEY, _NUMBER), "benefit_balance": _WHOLE}
_PLACE = _or_null(thing(id=_WHOLE, name=_WORD, external_id=_TEXT))
_OLD_ITEM = thing(id=_WHOLE, type=_WORD, count=_WHOLE)
_REDEMPTION = {
    "id": _WHOLE,
    "profile_id": _WORD,
    "profile": _or_null(
        thing(first_name=_TEXT, last_name=_TEXT, full_name=_TEXT, email=_TEXT, statuses=_FREE),
    ),
    "type": {"enum": ["redeem", "return", "reversal"]},
    "total": _NUMBER,
    "total_localised": _NUMBER,
    "meta": _FREE,
    "location_id": _WHOLE_OR_NULL,
    "location": _or_null(ref("Location")),
    "transaction_id": _WHOLE_OR_NULL,
    "transaction": _or_null(
        thing(external_id=_TEXT, receipt_ref=_TEXT, transacted_at=_TIME, total=_NUMBER, location=_PLACE),
    ),
    "redeem_at": _TIME_OR_NULL,
    "items": many(ref("RedemptionItem")),
    **_TIMES,
}
_USED = {
    "id": _WHOLE,
    "type": _WORD,
    "value": _NOTHING,
    "count": _WHOLE,
    "type_attributes": _or_null(ref("Benefit")),
    **_TIMES,
}
_SUCCESSFUL = {
    **{name: _REDEMPTION[name] for name in ("id", "profile_id", "type", "total", "total_localised")},
    **{name: _REDEMPTION[name] for name in ("location_id", "location", "meta", "created_at", "updated_at")},
    "transaction_external_id": _TEXT,
    "transaction_receipt_ref": _TEXT,
    "currency": _thing({"id": _WHOLE, "from": _WORD, "to": _WORD, "rate": _NUMBER, "is_system": _FLAG}),
    "balances": ref("Balances"),
}
_BRIEF = thing(
    id=_WHOLE,
    type=_WORD,
    total=_NUMBER,
    total_localised=_NUMBER,
    location_id=_WHOLE_OR_NULL,
    location=_or_null(ref("Location")),
    items=many(_OLD_ITEM),
)
_LINE = {"id": _WHOLE, "name": _WORD, "is_void": _OF_KIND["flag"], **_TIMES}
_TRANSACTION = {
    "id": _WHOLE,
    **_kinds(transaction_fields.COLUMNS),
    **_kinds(transaction_fields.FREE),
    "profile_id": _TEXT,
    "profile": _or_null(thing(email=_TEXT)),
    "total": _NUMBER,
    "total_converted": _NUMBER,
    "transacted_at": _TIME,
    "timezone": _WORD,
    "is_void": _FLAG,
    "redemption": _or_null(_BRIEF),
    "reversed_redemptions": many(_BRIEF),
    "location": _or_null(ref("Location")),
    "items": many(ref("TransactionItem")),
    **_TIMES,
}
_LOCATION = {"id": _WHOLE, "name": _WORD, "external_id": _TEXT, **_kinds(locations.FREE), **_TIMES}
_WEBHOOK = {
    "id": _WHOLE,
    **_all(("trigger", "url", "namespace", "queue"), _WORD),
    **_all(("is_active", "retry_hourly", "retry_daily"), _FLAG),
    **_all(("condition", "extra_data_template"), _ANYTHING),
    **_TIMES,
}
_TOKEN = {
    **_all(("id", "name"), _WORD),
    "scopes": many(_WORD),
    "revoked": _FLAG,
    "expires_at": _TIME,
    **_all(("user_id", "client_id"), _WHOLE),
    **_TIMES,
}
_LINK = thing(url=_TEXT, label=_WORD, active=_FLAG)

SHAPES: dict[str, Schema] = {
    "Profile": _thing(_PROFILE),
    "Identity": _thing(_IDENTITY),
    "FullIdentity": _thing(_IDENTITY, {"profile": ref("Profile")}),
    "BenefitDefinition": _thing(_DEFINITION),
    "Benefit": _thing(_BENEFIT),
    "Allocation": thing(
        id=_WHOLE,
        definition_id=_WHOLE,
        definition_type=_WORD,
        code=_WORD,
        name=_TEXT,
        value=_NUMBER_OR_NULL,
        external_id=_TEXT,
        valid_from=_TIME_OR_NULL,
        valid_to=_TIME_OR_NULL,
        allocated_at=_TIME_OR_NULL,
        benefit_id=_WHOLE_OR_NULL,
        **_TIMES,
    ),
    "Redemption": _thing(_REDEMPTION),
    "RedemptionItem": _thing(_USED),
    "SuccessfulRedemption": _thing(_SUCCESSFUL),
    "Balances": _thing({**_MONIES, "localised": _thing(_MONIES), "currency": _WORD}),
    "Transaction": _thing(_TRANSACTION),
    "TransactionItem": _thing(
        {**_LINE, **_all(("quantity", "price_current", "price_sell"), _NUMBER)}, _kinds(lines.ITEM)
    ),
    "Location": _thing(_LOCATION),
    "Webhook": _thing(_WEBHOOK),
    "Token": _thing(_TOKEN),
    "UsedItem": _thing({**_USED, "redemption_id": _WHOLE, "redeemable_type": _WORD, "redeemable_id": _WHOLE}),
    "Links": thing(first=_WORD, last=_WORD, prev=_TEXT, next=_TEXT),
    "Meta": _thing(
        {
            **_all(("current_page", "last_page", "per_page", "total"), _WHOLE),
            **_all(("from", "to"), _WHOLE_OR_NULL),
            "links": many(_LINK),
            "path": _WORD,
        }
    ),
    "Error": thing(message=_WORD),
    "ValidationError": thing(message=_WORD, errors={"type": "object", "additionalProperties": many(_WORD)}),
}
