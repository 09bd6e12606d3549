"""What each request may carry, by the name of its view: the rooms' own tables, and what stands beside them."""

from __future__ import annotations

from claimable_benefits.sandbox.api import locations, profiles, transaction_lines, transaction_queue
from claimable_benefits.sandbox.protocol.field_specs import Field, Fields, table
from claimable_benefits.sandbox.rules.redemption_rules import PERIODS
from claimable_benefits.sandbox.serializers import definition_fields, transaction_fields

_TEXT, _NEEDED = Field("text"), Field("text", required=True)
_ZONE, _META = Field("zone", required=True), Field("json")
_HANDLE = Field("handle", required=True)
_COUNT = Field("whole", least=1)

_IDENTITY: Fields = {
    "handle": _HANDLE,
    "identifier": _NEEDED,
    "is_primary": Field("flag"),
    "is_active": Field("flag"),
}
_IDENTITY_CHANGE: Fields = {"identifier": _TEXT, "is_primary": Field("flag"), "is_active": Field("flag")}
_PROFILE: Fields = table(profiles.FIELDS)
_BY_TYPE: Fields = {"type": _NEEDED, "id": _NEEDED}

_DEFINITION: Fields = {
    "name": _NEEDED,
    "period": Field("whole", required=True, least=0, most=36500),
    "period_type": Field("choice", values=PERIODS),
    "absolute_expiry": _TEXT,
    "type": Field("choice", values=definition_fields.TYPES),
    "max_redemptions": Field("whole", least=0),
    "max_global_redemptions": Field("whole", least=0),
    "campaign": _TEXT,
    "external_id": _TEXT,
    **dict.fromkeys(definition_fields.TIMES, Field("moment")),
    **dict.fromkeys(definition_fields.FLAGS, Field("flag")),
    **table(definition_fields.FREE),
}
_NEW_DEFINITION: Fields = {"handle": _HANDLE, **_DEFINITION}
_OPTIONAL: Fields = {"name": Field("text", filled=True), "period": Field("whole", filled=True, least=0, most=36500)}
_CODES: Fields = {"redeem_code_pos": _TEXT, "redeem_code_online": _TEXT}

_BENEFIT: Fields = {
    "benefit_definition_id": Field("whole", required=True),
    "profile_id": _NEEDED,
    "timezone": _ZONE,
    "issued_at": Field("moment"),
    "expires_at": Field("moment"),
    "external_id": _TEXT,
    "value": Field("number"),
    "meta": _META,
}
_BENEFIT_CHANGE: Fields = {
    "expires_at": Field("moment"),
    "external_id": _TEXT,
    "value": Field("number"),
    "meta": _META,
    **_CODES,
}
_CLAIM: Fields = {"timezone": Field("zone"), "external_id": _TEXT, "value": Field("number"), "meta": _META}
_CLAIM_NAMED: Fields = {**_CLAIM, "definition": Field("named", required=True), "timezone": _ZONE}
_USE: Fields = {"id": Field("whole"), "handle": _TEXT, "quantity": _COUNT}

_ITEM: Fields = {
    "id": Field("whole"),
    "name": _NEEDED,
    **dict.fromkeys(("quantity", "price_current", "price_sell"), Field("number", required=True)),
    **table(transaction_lines.ITEM),
}
_TRANSACTION: Fields = {
    "total": Field("number", required=True),
    "transacted_at": Field("moment", required=True),
    "timezone": _ZONE,
    "items": Field("forms", present=True, fields=_ITEM),
    "profile_id": _TEXT,
    "profile_id_handle": _TEXT,
    "redemption_id": Field("whole"),
    "is_void": Field("flag"),
    "delete_existing_items": Field("flag"),
    **table(transaction_fields.COLUMNS),
    **table(transaction_fields.FREE),
}
_TRANSACTION_CHANGE: Fields = {
    **_TRANSACTION,
    "total": Field("number", filled=True),
    "transacted_at": Field("moment", filled=True),
    "timezone": Field("zone", filled=True),
    "items": Field("forms", fields=_ITEM),
}
_UPSERT: Fields = {
    "id": Field("whole"),
    **_TRANSACTION_CHANGE,
    **dict.fromkeys(("is_void", "receipt_is_email"), Field("flag", filled=True)),
}
_CODE: Fields = {
    "code": _NEEDED,
    "name": _TEXT,
    "value": Field("number"),
    "external_id": _TEXT,
    "valid_from": Field("moment"),
    "valid_to": Field("moment"),
}
_LOCATION: Fields = {"name": _NEEDED, "external_id": _TEXT, **table(locations.FREE)}
_WEBHOOK: Fields = {
    "trigger": _NEEDED,
    "url": Field("address", required=True),
    "queue": Field("choice", values=("low", "default", "high")),
    **dict.fromkeys(("is_active", "retry_hourly", "retry_daily"), Field("flag")),
    **dict.fromkeys(("condition", "extra_data_template"), Field("any")),
}

BODIES: dict[str, Fields] = {
    "profiles.create_profile": {**_PROFILE, "identities": Field("forms", fields=_IDENTITY)},
    "profiles.update_profile": _PROFILE,
    "profiles.availability": {"email": _TEXT, "mobile_phone": _TEXT},
    "identities.search_id": _BY_TYPE,
    "identities.exists": _BY_TYPE,
    "identities.create_identity": _IDENTITY,
    "identities.update_identity": _IDENTITY_CHANGE,
    "identities.update_identity_by_id": _IDENTITY_CHANGE,
    "definitions.create_definition": _NEW_DEFINITION,
    "definitions.update_definition": {**_DEFINITION, **_OPTIONAL},
    "definitions.clone_definition": {"handle": _HANDLE, "name": _TEXT},
    "allocations.create_allocations": {"definition": Field("json"), "allocations": Field("forms", fields=_CODE)},
    "issuing.issue": _BENEFIT,
    "issuing.issue_batch": {"benefits": Field("forms", fields=_BENEFIT)},
    "issuing.extend": {
        "ids": Field("ids", required=True),
        "profile_id": _NEEDED,
        "extend_date": Field("moment"),
        "extend_days": Field("whole", least=0, most=36500),
    },
    "benefits.update_benefit": _BENEFIT_CHANGE,
    "benefits.update_profile_benefit": _BENEFIT_CHANGE,
    "claims.claim_by_definition": _CLAIM_NAMED,
    "claims.claim_by_path": _CLAIM,
    "claims.claim_and_redeem": _CLAIM_NAMED,
    "redemptions.redeem_with_reference": {
        "issued_at": Field("moment"),
        "timezone": Field("zone"),
        "external_id": _TEXT,
    },
    "redemptions.redeem_by_count": {"count": _COUNT},
    "redemptions.redeem_by_strategy": {
        "strategies": Field("strings", required=True),
        "benefits": Field("forms", required=True, fields=_USE),
        "transaction_external_id": _TEXT,
        "transaction_receipt_ref": _TEXT,
        "location_id": Field("whole"),
        "meta": _META,
    },
    "undo.return_benefit": {"count": _COUNT},
    "undo.return_by_strategy": {"strategies": Field("strings", required=True), "benefits": Field("forms", fields=_USE)},
    "transactions.create_transaction": _TRANSACTION,
    "transactions.upsert_transaction": _UPSERT,
    "queueing.queue_transaction": _UPSERT,
    "queueing.queue_new_transaction": _TRANSACTION,
    "queueing.queue_batch": {"transactions": Field("forms", fields=_UPSERT)},
    "queueing.trigger_event": {"event": Field("choice", required=True, values=transaction_queue.TRIGGERS)},
    "transactions.update_transaction": _TRANSACTION_CHANGE,
    "locations.create_location": _LOCATION,
    "locations.update_location": {**_LOCATION, "name": Field("text", filled=True)},
    "webhooks.create_webhook": {**_WEBHOOK, "namespace": _NEEDED},
    "webhooks.update_webhook": {
        **_WEBHOOK,
        "trigger": Field("text", filled=True),
        "url": Field("address", filled=True),
    },
    "tokens.create_token": {"name": _NEEDED, "scopes": Field("strings")},
    "omneo_id.create_id_token": {"id": _TEXT, "id_handle": _TEXT},
}
