"""Read, claim and issue the benefits of a profile."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import cast

from claimable_benefits.domain.benefits import Benefit, Definition, Redemption
from claimable_benefits.omneo import paths
from claimable_benefits.omneo.codec import data
from claimable_benefits.omneo.dialects import CallVariant
from claimable_benefits.omneo.resource import Resource, readable
from claimable_benefits.omneo.session import ApiCall


class Benefits(Resource):
    """Calls about benefits (Omneo facts 4 to 7). All raise `OmneoError`."""

    def benefits(self, profile_id: str, *, for_display: bool = False, every: bool = False) -> tuple[Benefit, ...]:
        """Read what the profile holds; some tenants include expired and used-up benefits.

        ``for_display`` takes an answer without a list for an empty one; without it such an answer decides nothing.
        A benefit that cannot be read is left out; with ``every``, `InvalidResponse` is raised for it.
        Raises `Rejected` with status 404 where there is no such profile, as after a merge: look its id up again.
        """
        item = self._session.reader.benefit
        ids = {"profile_id": profile_id}
        return self._all(paths.BENEFITS.guide, item if every else readable(item), ids, for_display=for_display)

    def benefit(self, profile_id: str, benefit_id: str) -> Benefit | None:
        """Read one benefit; None where the profile holds no such benefit."""
        ids = {"profile_id": profile_id, "benefit_id": benefit_id}
        return self._session.find(ApiCall("GET", paths.BENEFIT.guide, ids), self._benefit)

    def claimable(self, profile_id: str) -> tuple[Definition, ...]:
        """Read the definitions that the profile may claim now; one that cannot be read is left out."""
        item = readable(self._session.reader.definition)
        return self._all(paths.CLAIMABLE.guide, item, {"profile_id": profile_id}, for_display=True)

    def holdings(self, profile_id: str) -> tuple[tuple[Benefit, ...], tuple[Definition, ...]]:
        """Read what the profile holds and may claim, at the same time, for display; raises as `benefits` does."""
        lists: list[tuple[Benefit, ...] | tuple[Definition, ...]] = self._session.gather(
            [partial(self.benefits, profile_id, for_display=True), partial(self.claimable, profile_id)]
        )
        held, claimable = lists
        return cast("tuple[Benefit, ...]", held), cast("tuple[Definition, ...]", claimable)

    def redeemable(self, profile_id: str) -> tuple[Benefit, ...]:
        """Read the benefits that Omneo would let the profile use now."""
        template, item = paths.REDEEMABLE.guide, self._session.reader.benefit
        return self._all(template, item, {"profile_id": profile_id}, for_display=True)

    def claim(self, profile_id: str, definition: Definition, *, reference: str) -> Benefit:
        """Turn a claimable definition into a benefit that carries ``reference`` as its external id.

        Raises `OutcomeUnknown` where it is in doubt; claiming again could make a second benefit.
        """
        ids = {"profile_id": profile_id, "definition_id": definition.id}
        body = self._session.writer.claim(definition.handle, reference)
        variants = [
            CallVariant(path, partial(self._session.write, ApiCall("POST", path, ids, body=body), self._benefit))
            for path in (paths.CLAIM.guide, paths.CLAIM_BY_ID.guide)
        ]
        return self._session.dialects.first_supported("claim", variants, sticky=False)

    def claim_and_redeem(self, profile_id: str, handle: str, *, reference: str) -> Redemption:
        """Claim the definition ``handle`` and use the benefit up in one step (Omneo facts 7).

        The benefit carries ``reference``. Raises `OutcomeUnknown` as `claim` does.
        """
        body = self._session.writer.claim(handle, reference)
        call = ApiCall("POST", paths.CLAIM_AND_REDEEM.guide, {"profile_id": profile_id}, body=body)
        return self._session.write(call, lambda answer: self._session.reader.redemption(data(answer)))

    def issue(
        self,
        definition_id: str,
        profile_id: str,
        *,
        at: datetime,
        reference: str | None = None,
        expires_at: datetime | None = None,
    ) -> Benefit:
        """Issue a benefit to a profile as of ``at``; Omneo computes ``expires_at`` where it is None (Omneo facts 4)."""
        body = self._session.writer.issue(definition_id, profile_id, at, reference, expires_at)
        return self._session.write(ApiCall("POST", paths.ISSUE.guide, body=body), self._benefit)

    def _benefit(self, body: object) -> Benefit:
        return self._session.reader.benefit(data(body))
