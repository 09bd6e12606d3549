"""Which paths belong to one dialect alone; the others answer in both (Omneo facts 0 and 15)."""

from __future__ import annotations

from collections.abc import Mapping

PREFIX = "/api/v3"

_GUIDE = (
    "/benefit-definitions",
    "/benefit-definitions/<definition_id>",
    "/benefit-definitions/handle/<handle>",
    "/profiles/<profile_id>/benefits/<benefit_id>/redemptions",
    "/profiles/<profile_id>/benefits/<definition_id>/claim",
    "/identities/search",
)
_REFERENCE = (
    "/benefits/definitions",
    "/benefits/definitions/<definition_id>",
    "/benefits/definitions/handle/<handle>",
    "/benefits/definitions/<definition_id>/clone",
    "/profiles/<profile_id>/benefits/<benefit_id>/redeem",
    "/profiles/<profile_id>/redeem",
    "/profiles/<profile_id>/benefits/claim",
    "/identities/search-profile/<path:identifier>",
    "/profiles/search-id",
    "/profiles/exists",
)
_OF = {PREFIX + rule: "guide" for rule in _GUIDE} | {PREFIX + rule: "reference" for rule in _REFERENCE}
_UPSERT = f"{PREFIX}/transactions/update-create"


def answers(rule: str, switches: Mapping[str, str]) -> bool:
    """Return whether a path is there under the switches ``dialect`` and ``update_create``."""
    if rule == _UPSERT:
        return switches["update_create"] == "on"
    return switches["dialect"] in ("both", _OF.get(rule, switches["dialect"]))
