"""Every path of Omneo's API that the client calls, in both dialects.

``guide`` is the developer guide's path, ``reference`` that of the OpenAPI reference and SDK (Omneo facts 15). Where one
of them is empty, that dialect has no such call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from claimable_benefits.errors import Rejected

_LONGEST_ID = 500


class Path(NamedTuple):
    """One path in both dialects; ``{names}`` are placeholders for ids."""

    guide: str
    reference: str


def _both(path: str) -> Path:
    return Path(path, path)


# Shoppers (Omneo facts 2.1 and 2.3)
PROFILE_IDENTITIES = _both("/profiles/{profile_id}/identities")
IDENTITY_SEARCH = _both("/identities/search")
PROFILE_SEARCH = _both("/profiles/search-id")

# Definitions (Omneo facts 3)
DEFINITIONS = Path("/benefit-definitions", "/benefits/definitions")
DEFINITION = Path("/benefit-definitions/{definition_id}", "/benefits/definitions/{definition_id}")

# Benefits of a profile (Omneo facts 4 to 7)
ISSUE = _both("/benefits")
BENEFITS = _both("/profiles/{profile_id}/benefits")
BENEFIT = _both("/profiles/{profile_id}/benefits/{benefit_id}")
CLAIMABLE = _both("/profiles/{profile_id}/benefits/claimable")
REDEEMABLE = _both("/profiles/{profile_id}/redeemable_benefits")
CLAIM = _both("/profiles/{profile_id}/benefits/claim")
CLAIM_BY_ID = _both("/profiles/{profile_id}/benefits/{definition_id}/claim")
CLAIM_AND_REDEEM = _both("/profiles/{profile_id}/benefits/claim-redeem")

# Redemptions and rollbacks (Omneo facts 8 to 10)
REDEEM = Path("/profiles/{profile_id}/benefits/{benefit_id}/redemptions", "")
REDEEM_BY_STRATEGY = Path("", "/profiles/{profile_id}/redeem")
REDEEM_BY_COUNT = Path("", "/profiles/{profile_id}/benefits/{benefit_id}/redeem")
PROFILE_REDEMPTIONS = _both("/profiles/{profile_id}/redemptions")
PROFILE_REDEMPTION = _both("/profiles/{profile_id}/redemptions/{redemption_id}")
REDEMPTION_COUNT = _both("/profiles/{profile_id}/redemptions/benefit/{benefit_id}/count")
REDEMPTIONS = _both("/redemptions")
REVERSAL = _both("/redemptions/{redemption_id}/reversal")
RETURN = _both("/redemptions/{redemption_id}/benefit/return")

# Orders (Omneo facts 11)
TRANSACTIONS = _both("/transactions")
TRANSACTION = _both("/transactions/{transaction_id}")
TRANSACTION_BY_ORDER = _both("/transactions/external/{order_number}")
TRANSACTION_UPSERT = _both("/transactions/update-create")


def fill(template: str, ids: Mapping[str, str]) -> str:
    """Fill ``template`` with each id as one escaped path segment; raise `Rejected` (404) for a text that is no id."""
    return template.format(**{name: _segment(value) for name, value in ids.items()})


def _segment(value: str) -> str:
    # Escaping does not help against dots: servers read %2E%2E as ".." and would answer for another path.
    if not value or value in {".", ".."} or len(value) > _LONGEST_ID:
        raise Rejected("That is not an id, so nothing was sent.", status=404)
    return quote(value, safe="", errors="replace")
