"""The fields of a benefit definition, and those that its list can be filtered by (Omneo facts 13.2)."""

from __future__ import annotations

from claimable_benefits.sandbox.protocol.list_query import ListSource

TYPES = ("discount", "value", "competition", "event", "gift", "voucher", "bonus", "other")
TIMES = ("end_at", "claim_period_start_at", "claim_period_end_at")
FLAGS = ("is_claimable", "is_reclaimable", "is_published", "is_archived", "is_extendable", "force_allocation")
_PROSE = (
    "description",
    "internal_notes",
    "short_description",
    "long_description",
    "terms_conditions",
    "earn_instructions",
    "redeem_instructions_store",
    "redeem_instructions_online",
    "icon",
    "image_url",
)
FREE = {
    **dict.fromkeys(_PROSE, "long_text"),
    "redeem_code_pos": "text",
    "redeem_code_online": "text",
    "is_assignable": "boolean",
    "is_reassignable": "boolean",
    "allow_user_redeem": "boolean",
    "value": "number",
    "tags": "strings",
    "meta": "json",
    "claim_condition": "any",
    "view_condition": "any",
    "visibility_condition": "any",
    "claim_timeframe": "any",
    "region_id": "integer",
    "currency": "text",
}
LIST = ListSource(
    "definitions d",
    "d.*",
    {
        **{
            name: (f"d.{name}", "text") for name in ("handle", "name", "type", "campaign", "external_id", "period_type")
        },
        **{name: (f"d.{name}", "boolean") for name in FLAGS},
        **{name: (f"d.{name}", "time") for name in (*TIMES, "created_at", "updated_at")},
        **{
            name: (f"d.{name}", "number")
            for name in ("id", "period", "max_redemptions", "max_global_redemptions", "total_global_redemptions")
        },
        **{
            name: (f"coalesce(json_extract(d.doc, '$.{name}'), 0)", "boolean")
            for name in ("is_assignable", "is_reassignable", "allow_user_redeem")
        },
        **{name: (f"json_extract(d.doc, '$.{name}')", "number") for name in ("value", "region_id")},
    },
)
