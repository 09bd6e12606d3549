"""Find a shopper's profile at Omneo."""

from __future__ import annotations

from claimable_benefits.errors import Rejected
from claimable_benefits.omneo import codec, parsing, paths
from claimable_benefits.omneo.dialects import NO_SUCH_ROUTE, CallVariant
from claimable_benefits.omneo.resource import Resource
from claimable_benefits.omneo.session import ApiCall

_UNREADABLE = frozenset({200})  # the shape of the first variant's answer is undocumented, so it may be unreadable


class Profiles(Resource):
    """Calls about profiles (Omneo facts 2)."""

    def profile_id(self, customer_id: str) -> str | None:
        """Find the profile that has this customer as an identity; None where there is none. Raises `OmneoError`."""
        handle = self._session.identity_handle
        search = ApiCall("GET", paths.IDENTITY_SEARCH.guide, query={"handle": handle, "identifier": customer_id})
        lookup = ApiCall("POST", paths.PROFILE_SEARCH.guide, body={"type": handle, "id": customer_id})
        variants = [
            CallVariant("identities/search", lambda: self._resolve(search, customer_id), NO_SUCH_ROUTE | _UNREADABLE),
            CallVariant("profiles/search-id", lambda: self._resolve(lookup, customer_id)),
        ]
        try:
            return self._session.dialects.first_supported("profile", variants)
        except Rejected as refusal:
            if refusal.status != 404:
                raise
            return None

    def merged_profiles(self, profile_id: str) -> frozenset[str]:
        """Read the ids of the profiles that were merged into this one: its identities name them (Omneo facts 2).

        Empty where there is no such profile. Raises `OmneoError`.
        """
        call = ApiCall("GET", paths.PROFILE_IDENTITIES.guide, {"profile_id": profile_id})
        found = self._session.find(call, lambda body: codec.elements(codec.data(body))) or ()
        merged = (codec.identifier(codec.mapping(one).get("merged_from")) for one in found)
        return frozenset(one for one in merged if one)

    def _resolve(self, call: ApiCall, customer_id: str) -> str | None:
        handle = self._session.identity_handle
        return self._session.read(call, lambda body: parsing.profile_id(codec.data(body), handle, customer_id))
