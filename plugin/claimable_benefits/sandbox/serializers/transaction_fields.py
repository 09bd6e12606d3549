"""The fields of a transaction, and those that its list can be filtered by (Omneo facts 11 and 13.5)."""

from __future__ import annotations

from claimable_benefits.sandbox.protocol.list_query import ListSource

COLUMNS = {
    "external_id": "text",
    "receipt_ref": "text",
    "order_number": "text",
    "status": "text",
    "type": "text",
    "location_id": "integer",
}
FREE = {
    "total_original": "number",
    "rounding": "number",
    "margin": "number",
    "tender": "any",
    "currency": "text",
    "currency_value": "json",
    "staff_id": "any",
    "payments": "json",
    "systems": "strings",
    "tags": "strings",
    "meta": "json",
    "linked_receipt_ref": "text",
    "receipt_email": "text",
    "receipt_is_email": "boolean",
    "need_action": "boolean",
    "order_id": "integer",
    "external_order_id": "text",
    "organisation_id": "integer",
    "fees": "json",
    "custom_fields": "json",
}
LIST = ListSource(
    "transactions t",
    "t.*",
    {
        **{name: (f"t.{name}", "number") for name in ("id", "total", "redemption_id", "location_id")},
        **{
            name: (f"t.{name}", "text")
            for name in ("profile_id", "external_id", "timezone", "receipt_ref", "order_number", "status", "type")
        },
        **{name: (f"t.{name}", "time") for name in ("transacted_at", "created_at", "updated_at")},
        "is_void": ("t.is_void", "boolean"),
        "linked_receipt_ref": ("json_extract(t.doc, '$.linked_receipt_ref')", "text"),
        "need_action": ("coalesce(json_extract(t.doc, '$.need_action'), 0)", "boolean"),
        "profile.identities.identifier": (
            "SELECT i.identifier FROM identities i WHERE i.profile_id = t.profile_id",
            "among",
        ),
        "location.name": ("(SELECT l.name FROM locations l WHERE l.id = t.location_id)", "text"),
        "tags.handle": ("SELECT g.value FROM json_each(t.doc, '$.tags') g", "among"),
        "systems.handle": ("SELECT g.value FROM json_each(t.doc, '$.systems') g", "among"),
    },
)
