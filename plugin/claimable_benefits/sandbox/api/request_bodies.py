"""The fields that each request may carry, by the name of its view, and the check of a body against them."""

from __future__ import annotations

from flask import request

from claimable_benefits.sandbox.api import transaction_queue
from claimable_benefits.sandbox.protocol.body_reader import RequestForm, body
from claimable_benefits.sandbox.protocol.field_specs import Field, Fields, check_fields, optional_fields
from claimable_benefits.sandbox.rules.redemption_rules import PERIODS
from claimable_benefits.sandbox.serializers import definition_fields, transaction_fields
from claimable_benefits.sandbox.serializers.locations import LOCATION_FIELDS
from claimable_benefits.sandbox.serializers.profiles import PROFILE_FIELDS
from claimable_benefits.sandbox.serializers.transaction_lines import LINE_FIELDS

_TEXT, _NEEDED = Field("text"), Field("text", required=True)
_ZONE, _META = Field("zone", required=True), Field("json")
_HANDLE = Field("handle", required=True)
_COUNT = Field("integer", least=1)

_IDENTITY: Fields = {
    "handle": _HANDLE,
    "identifier": _NEEDED,
    "is_primary": Field("boolean"),
    "is_active": Field("boolean"),
}
_IDENTITY_CHANGE: Fields = {"identifier": _TEXT, "is_primary": Field("boolean"), "is_active": Field("boolean")}
_PROFILE: Fields = optional_fields(PROFILE_FIELDS)
_BY_TYPE: Fields = {"type": _NEEDED, "id": _NEEDED}

_DEFINITION: Fields = {
    "name": _NEEDED,
    "period": Field("integer", required=True, least=0, most=36500),
    "period_type": Field("choice", values=PERIODS),
    "absolute_expiry": _TEXT,
    "type": Field("choice", values=definition_fields.TYPES),
    "max_redemptions": Field("integer", least=0),
    "max_global_redemptions": Field("integer", least=0),
    "campaign": _TEXT,
    "external_id": _TEXT,
    **dict.fromkeys(definition_fields.TIMES, Field("moment")),
    **dict.fromkeys(definition_fields.FLAGS, Field("boolean")),
    **optional_fields(definition_fields.FREE),
}
_NEW_DEFINITION: Fields = {"handle": _HANDLE, **_DEFINITION}
_OPTIONAL: Fields = {"name": Field("text", filled=True), "period": Field("integer", filled=True, least=0, most=36500)}
_CODES: Fields = {"redeem_code_pos": _TEXT, "redeem_code_online": _TEXT}

_BENEFIT: Fields = {
    "benefit_definition_id": Field("integer", required=True),
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
_USE: Fields = {"id": Field("integer"), "handle": _TEXT, "quantity": _COUNT}

_ITEM: Fields = {
    "id": Field("integer"),
    "name": _NEEDED,
    **dict.fromkeys(("quantity", "price_current", "price_sell"), Field("number", required=True)),
    **optional_fields(LINE_FIELDS),
}
_TRANSACTION: Fields = {
    "total": Field("number", required=True),
    "transacted_at": Field("moment", required=True),
    "timezone": _ZONE,
    "items": Field("objects", present=True, fields=_ITEM),
    "profile_id": _TEXT,
    "profile_id_handle": _TEXT,
    "redemption_id": Field("integer"),
    "is_void": Field("boolean"),
    "delete_existing_items": Field("boolean"),
    **optional_fields(transaction_fields.COLUMNS),
    **optional_fields(transaction_fields.FREE),
}
_TRANSACTION_CHANGE: Fields = {
    **_TRANSACTION,
    "total": Field("number", filled=True),
    "transacted_at": Field("moment", filled=True),
    "timezone": Field("zone", filled=True),
    "items": Field("objects", fields=_ITEM),
}
_UPSERT: Fields = {
    "id": Field("integer"),
    **_TRANSACTION_CHANGE,
    **dict.fromkeys(("is_void", "receipt_is_email"), Field("boolean", filled=True)),
}
_CODE: Fields = {
    "code": _NEEDED,
    "name": _TEXT,
    "value": Field("number"),
    "external_id": _TEXT,
    "valid_from": Field("moment"),
    "valid_to": Field("moment"),
}
_LOCATION: Fields = {"name": _NEEDED, "external_id": _TEXT, **optional_fields(LOCATION_FIELDS)}
_WEBHOOK: Fields = {
    "trigger": _NEEDED,
    "url": Field("address", required=True),
    "queue": Field("choice", values=("low", "default", "high")),
    **dict.fromkeys(("is_active", "retry_hourly", "retry_daily"), Field("boolean")),
    **dict.fromkeys(("condition", "extra_data_template"), Field("any")),
}

BODIES: dict[str, Fields] = {
    "profiles.create_profile": {**_PROFILE, "identities": Field("objects", fields=_IDENTITY)},
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
    "allocations.create_allocations": {"definition": Field("json"), "allocations": Field("objects", fields=_CODE)},
    "issue.issue": _BENEFIT,
    "issue.issue_batch": {"benefits": Field("objects", fields=_BENEFIT)},
    "issue.extend": {
        "ids": Field("ids", required=True),
        "profile_id": _NEEDED,
        "extend_date": Field("moment"),
        "extend_days": Field("integer", least=0, most=36500),
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
        "benefits": Field("objects", required=True, fields=_USE),
        "transaction_external_id": _TEXT,
        "transaction_receipt_ref": _TEXT,
        "location_id": Field("integer"),
        "meta": _META,
    },
    "reversals.return_benefit": {"count": _COUNT},
    "reversals.return_by_strategy": {
        "strategies": Field("strings", required=True),
        "benefits": Field("objects", fields=_USE),
    },
    "transactions.create_transaction": _TRANSACTION,
    "transactions.upsert_transaction": _UPSERT,
    "transaction_queue.queue_transaction": _UPSERT,
    "transaction_queue.queue_new_transaction": _TRANSACTION,
    "transaction_queue.queue_batch": {"transactions": Field("objects", fields=_UPSERT)},
    "transaction_queue.trigger_event": {"event": Field("choice", required=True, values=transaction_queue.TRIGGERS)},
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


def view_of(endpoint: str) -> str:
    """Return the name of the view behind an endpoint: the API's views serve a member's paths too."""
    return endpoint.removeprefix("id.")


def check_body() -> None:
    """Refuse a body whose fields are missing or of the wrong type, before a view reads it."""
    fields = BODIES.get(view_of(request.endpoint or ""))
    if fields is not None:
        form = RequestForm(body())
        check_fields(form, fields)
        form.check()
