"""What each view answers and which list it pages through, by its name; the rest of a path is read off the app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from claimable_benefits.sandbox.api import (
    allocations,
    benefits,
    identities,
    locations,
    profiles,
    redemption_items,
    redemptions,
)
from claimable_benefits.sandbox.openapi.schemas import many, ref, thing
from claimable_benefits.sandbox.protocol.list_query import Source
from claimable_benefits.sandbox.serializers import definition_fields, transaction_fields
from claimable_benefits.sandbox.webhooks import subscriptions

_WHOLE = {"type": "integer"}
_WORD = {"type": "string"}
_NULL = {"type": "null"}


@dataclass(frozen=True)
class DescribedAnswer:
    """A view's answer: how it comes (one, page, created, gone or bare) and the schema of what it carries.

    ``created`` answers 201 or 200, ``upsert`` either of them, ``gone`` an empty 204, ``bare`` without an envelope.
    `refuses` marks a view without a body that has rules to refuse by.
    """

    how: str
    shape: Any = None
    source: Source | None = None
    refuses: bool = False
    query: tuple[str, ...] = ()


def _one(name: str) -> DescribedAnswer:
    return DescribedAnswer("one", ref(name))


def _made(name: str, *, refuses: bool = False) -> DescribedAnswer:
    return DescribedAnswer("created", ref(name), refuses=refuses)


def _page(name: str, source: Source) -> DescribedAnswer:
    return DescribedAnswer("page", ref(name), source)


_GONE = DescribedAnswer("gone")
_TAKEN = {"anyOf": [thing(available={"type": "boolean"}, profile={"anyOf": [thing(id=_WORD), _NULL]}), _NULL]}
_SCOPE = thing(id=_WORD, description=_WORD)
ANSWERS: dict[str, DescribedAnswer] = {
    "profiles.browse_profiles": _page("Profile", profiles.LIST),
    "profiles.create_profile": _made("Profile"),
    "profiles.read_profile": _one("Profile"),
    "profiles.update_profile": _one("Profile"),
    "profiles.delete_profile": _GONE,
    "profiles.availability": DescribedAnswer("one", thing(email=_TAKEN, mobile_phone=_TAKEN)),
    "profiles.read_balances": _one("Balances"),
    "identities.search": DescribedAnswer("one", "identity_search", refuses=True, query=("handle", "identifier")),
    "identities.search_profile": DescribedAnswer("one", many(ref("Profile"))),
    "identities.handles": DescribedAnswer("one", many(_WORD)),
    "identities.browse_identities": DescribedAnswer("page", ref("FullIdentity"), identities.LIST),
    "identities.search_id": _one("Profile"),
    "identities.exists": DescribedAnswer("one", thing(id=_WORD)),
    "identities.browse_profile_identities": DescribedAnswer("one", many(ref("Identity"))),
    "identities.create_identity": _made("Identity"),
    **dict.fromkeys(
        (
            "identities.read_identity",
            "identities.read_identity_by_id",
            "identities.update_identity",
            "identities.update_identity_by_id",
        ),
        _one("Identity"),
    ),
    "identities.delete_identity": _GONE,
    "identities.delete_identity_by_id": _GONE,
    "definitions.browse_definitions": _page("BenefitDefinition", definition_fields.LIST),
    "definitions.create_definition": _made("BenefitDefinition"),
    "definitions.read_definition": _one("BenefitDefinition"),
    "definitions.read_definition_by_handle": _one("BenefitDefinition"),
    "definitions.update_definition": _one("BenefitDefinition"),
    "definitions.delete_definition": DescribedAnswer("gone", refuses=True),
    "definitions.clone_definition": _made("BenefitDefinition"),
    "allocations.browse_allocations": _page("Allocation", allocations.LIST),
    "allocations.count_allocations": DescribedAnswer(
        "one", thing(all=_WHOLE, redeemed=_WHOLE, remaining=_WHOLE, group=_NULL)
    ),
    "allocations.create_allocations": DescribedAnswer("bare", thing(message=_WORD)),
    "benefits.browse_benefits": _page("Benefit", benefits.LIST),
    "benefits.count_benefits": DescribedAnswer("one", thing(countAll=_WHOLE, countRedeemed=_WHOLE)),
    "issuing.issue": _made("Benefit"),
    "issuing.extend": DescribedAnswer("one", many(ref("Benefit"))),
    "issuing.issue_batch": DescribedAnswer("bare", thing(message=_WORD)),
    "benefits.read_benefit": _one("Benefit"),
    "benefits.update_benefit": _one("Benefit"),
    "benefits.delete_benefit": _GONE,
    "benefits.browse_profile_benefits": DescribedAnswer("page", ref("Benefit"), benefits.LIST, query=("tags[]",)),
    "benefits.browse_redeemable": _page("Benefit", benefits.LIST),
    "benefits.read_profile_benefit": _one("Benefit"),
    "benefits.update_profile_benefit": _one("Benefit"),
    "benefits.delete_profile_benefit": _GONE,
    "claims.claimable": DescribedAnswer("one", many(ref("BenefitDefinition"))),
    "claims.viewable": DescribedAnswer("one", many(ref("BenefitDefinition"))),
    "claims.claim_by_definition": _made("Benefit"),
    "claims.claim_by_path": _made("Benefit"),
    "claims.claim_and_redeem": _made("Redemption"),
    "redemptions.redeem_with_reference": DescribedAnswer("upsert", ref("Redemption")),
    "redemptions.redeem_by_count": _made("Redemption"),
    "redemptions.redeem_by_strategy": _made("SuccessfulRedemption"),
    "redemptions.browse_redemptions": _page("Redemption", redemptions.LIST),
    "redemptions.read_redemption": _one("Redemption"),
    "redemptions.browse_profile_redemptions": _page("Redemption", redemptions.LIST),
    "redemptions.read_profile_redemption": _one("Redemption"),
    "redemptions.count_redemptions": DescribedAnswer("one", thing(count=_WHOLE)),
    "undo.reverse": DescribedAnswer("upsert", ref("SuccessfulRedemption"), refuses=True),
    "undo.return_benefit": _made("Redemption"),
    "undo.return_by_strategy": _made("SuccessfulRedemption"),
    "transactions.browse_transactions": _page("Transaction", transaction_fields.LIST),
    "transactions.create_transaction": _made("Transaction"),
    "transactions.upsert_transaction": DescribedAnswer("upsert", ref("Transaction")),
    "queueing.queue_transaction": DescribedAnswer("bare", thing(data=_WORD)),
    "queueing.queue_new_transaction": DescribedAnswer("bare", thing(data=_WORD)),
    "queueing.queue_batch": DescribedAnswer("bare", thing(message=_WORD, batch_id=_WORD)),
    "queueing.resend_transaction": _one("Transaction"),
    "queueing.trigger_event": _one("Transaction"),
    "transactions.read_transaction": _one("Transaction"),
    "transactions.read_by_external_id": _one("Transaction"),
    "transactions.browse_items": DescribedAnswer("one", many(ref("TransactionItem"))),
    "transactions.read_item": _one("TransactionItem"),
    "transactions.update_transaction": _one("Transaction"),
    "transactions.delete_transaction": _GONE,
    "profile_transactions.browse_profile_transactions": _page("Transaction", transaction_fields.LIST),
    "profile_transactions.read_profile_transaction": _one("Transaction"),
    "used_items.browse_redemption_items": _page("UsedItem", redemption_items.LIST),
    "used_items.read_redemption_item": _one("UsedItem"),
    "locations.browse_locations": _page("Location", locations.LIST),
    "locations.create_location": _made("Location"),
    "locations.read_location": _one("Location"),
    "locations.update_location": _one("Location"),
    "locations.delete_location": _GONE,
    "webhooks.browse_webhooks": _page("Webhook", subscriptions.LIST),
    "webhooks.create_webhook": _made("Webhook"),
    "webhooks.read_webhook": _one("Webhook"),
    "webhooks.update_webhook": _one("Webhook"),
    "webhooks.delete_webhook": _GONE,
    "tokens.verify": DescribedAnswer("bare", thing(status=_WHOLE, message=_WORD)),
    "tokens.browse_scopes": DescribedAnswer("bare", many(_SCOPE)),
    "tokens.create_token": DescribedAnswer("bare", thing(accessToken=_WORD, token=ref("Token"))),
    "tokens.revoke_token": _GONE,
    "tokens.browse_tokens": DescribedAnswer("bare", many(ref("Token")), refuses=True, query=("type",)),
    "omneo_id.create_id_token": DescribedAnswer("bare", thing(data=thing(token=_WORD, exp=_WHOLE))),
}
