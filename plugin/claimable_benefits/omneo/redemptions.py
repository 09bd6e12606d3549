"""Redeem benefits, look redemptions up, and roll them back."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from uuid import uuid4

from claimable_benefits.domain.benefits import Redemption
from claimable_benefits.errors import InvalidResponse, Rejected
from claimable_benefits.omneo import codec, pagination, paths
from claimable_benefits.omneo.codec import data
from claimable_benefits.omneo.dialects import NO_SUCH_ROUTE, CallVariant
from claimable_benefits.omneo.pagination import ListPage
from claimable_benefits.omneo.resource import Resource
from claimable_benefits.omneo.session import ApiCall

_NOT_ALLOWED = frozenset({400, 422})  # how servers refuse an unknown filter or sort order
_NO_SCOPE = frozenset({403})  # the strategy variant needs a scope of its own

_FUTURE_ORDER = "transaction_external_id"
_FILTER_PROBE = "canary of {field}"
_PROBE_RESULTS: dict[str | None, bool] = {"applied": True, "ignored": False}
_REFERENCE_FIELDS: dict[str | None, tuple[str, ...]] = {"redemptions": ("external_id",), "strategy": (_FUTURE_ORDER,)}


class Redemptions(Resource):
    """Calls about redemptions (Omneo facts 8 to 10). All raise `OmneoError`."""

    def redeem(
        self, profile_id: str, benefit_id: str, *, reference: str, at: datetime, handle: str | None = None
    ) -> Redemption:
        """Use a benefit once, at the aware time ``at``.

        Omneo shows ``reference`` as ``external_id`` where the tenant keeps it; ``handle`` is that of the definition.
        Raises `OutcomeUnknown` where it is in doubt: look it up, and never repeat it.
        """
        ids = {"profile_id": profile_id, "benefit_id": benefit_id}
        writer = self._session.writer
        guide = ApiCall("POST", paths.REDEEM.guide, ids, body=writer.redeem(at, reference))
        strategy = writer.redeem_by_strategy(benefit_id, handle, reference)
        by_strategy = ApiCall("POST", paths.REDEEM_BY_STRATEGY.reference, ids, body=strategy)
        by_count = ApiCall("POST", paths.REDEEM_BY_COUNT.reference, ids, body={"count": 1})
        return self._session.dialects.call(
            "redeem",
            guide=[CallVariant("redemptions", partial(self._use, guide))],
            reference=[
                CallVariant("strategy", partial(self._use, by_strategy), NO_SUCH_ROUTE | _NO_SCOPE),
                CallVariant("count", partial(self._use, by_count)),
            ],
        )

    def redemptions(
        self, profile_id: str, *, until: datetime | None = None, for_display: bool = False
    ) -> tuple[Redemption, ...]:
        """Read the profile's uses, returns and reversals, back to ``until``, an aware time (None: all of them).

        ``for_display`` takes an answer without a list for an empty one; without it such an answer decides nothing.
        Some tenants list no returns and reversals.
        """
        uses = partial(self._uses, profile_id, until, for_display=for_display)
        variants = [
            CallVariant("newest first", partial(uses, {"sort": "-created_at"}), _NOT_ALLOWED),
            CallVariant("any order", partial(uses, {})),
        ]
        found = self._session.dialects.first_supported("order of redemptions", variants)
        return tuple(one for one in found if until is None or one.created_at is None or one.created_at >= until)

    def _uses(
        self, profile_id: str, until: datetime | None, query: dict[str, str], *, for_display: bool
    ) -> tuple[Redemption, ...]:
        ids = {"profile_id": profile_id}
        template, item = paths.PROFILE_REDEMPTIONS.guide, self._session.reader.redemption
        if until is None:
            return self._all(template, item, ids, query, for_display=for_display)
        fetch = self._pages(template, item, ids, query, for_display=for_display)
        return pagination.fetch_until(fetch, lambda page: _reaches_back(page, until))

    def redemption(self, profile_id: str, redemption_id: str) -> Redemption | None:
        """Read one of the profile's redemptions; None where it has no such redemption."""
        ids = {"profile_id": profile_id, "redemption_id": redemption_id}
        return self._session.find(ApiCall("GET", paths.PROFILE_REDEMPTION.guide, ids), self._redemption)

    def redemption_count(self, profile_id: str, benefit_id: str) -> int | None:
        """Read how often the benefit was used; None where the tenant does not count (Omneo facts 9)."""
        ids = {"profile_id": profile_id, "benefit_id": benefit_id}
        return self._session.find(ApiCall("GET", paths.REDEMPTION_COUNT.guide, ids), _count)

    def redemptions_by_reference(self, reference: str) -> tuple[Redemption, ...]:
        """Read every redemption that was made with ``reference``; its returns and reversals may be included.

        Raises `Rejected` or `InvalidResponse` where the tenant cannot filter by it. An empty result proves nothing
        where the tenant redeems by count, as that variant keeps no reference: read the profile's redemptions too.
        """
        fields = _REFERENCE_FIELDS.get(self._session.dialects.known_variant("redeem"), ("external_id", _FUTURE_ORDER))
        problem: Rejected | InvalidResponse | None = None
        found: dict[str, Redemption] = {}
        for field in fields:
            try:
                found |= {one.id: one for one in self._filtered(field, reference)}
            except (Rejected, InvalidResponse) as error:
                problem = error
        if problem is not None and not found:
            raise problem
        return tuple(found.values())

    def keeps_references(self) -> bool | None:
        """Whether this tenant's variant of redeem keeps our reference; None while no redeem has succeeded yet."""
        variant = self._session.dialects.known_variant("redeem")
        return None if variant is None else variant in _REFERENCE_FIELDS

    def filters_by_reference(self) -> bool | None:
        """Whether the tenant filters redemptions by our reference; None while it has no redemptions at all.

        Filters by a reference that does not exist, in the field in which this tenant's variant of redeem keeps ours,
        and stores the result. Raises `OmneoError`, also for an answer that cannot be read: that shows nothing.
        """
        dialects = self._session.dialects
        field = _REFERENCE_FIELDS.get(dialects.known_variant("redeem"), ("external_id",))[0]
        probe = _FILTER_PROBE.format(field=field)
        if (known := dialects.known_variant(probe)) in _PROBE_RESULTS:
            return _PROBE_RESULTS[known]
        try:
            if self._by_filter(field, f"nobody-{uuid4()}"):
                answer = "ignored"
            elif self._pages(paths.REDEMPTIONS.guide, self._session.reader.redemption)(1).items:
                answer = "applied"
            else:
                return None
        except Rejected:
            answer = "ignored"
        dialects.remember(probe, answer)
        return _PROBE_RESULTS[answer]

    def _filtered(self, field: str, reference: str) -> list[Redemption]:
        found = self._by_filter(field, reference)
        shown = {one.external_id for one in found}
        if None in shown or (shown and reference not in shown):
            self._check_filter(field)
        return [one for one in found if one.external_id in {None, reference}]

    def _check_filter(self, field: str) -> None:
        # Redemptions may lack the reference, and a tenant that ignores the filter would list those of all profiles:
        # ours may then stand on a later page.
        dialects, purpose = self._session.dialects, f"filter by {field}"
        if dialects.known_variant(purpose) is None:
            if self._by_filter(field, f"nobody-{uuid4()}"):
                raise InvalidResponse("Omneo ignores the filter and lists all redemptions.", request="GET /redemptions")
            dialects.remember(purpose, "applied")

    def _by_filter(self, field: str, reference: str) -> tuple[Redemption, ...]:
        fetch = self._pages(
            paths.REDEMPTIONS.guide, self._session.reader.redemption, query={f"filter[{field}]": reference}
        )
        return fetch(1).items

    def reverse(self, redemption_id: str) -> Redemption:
        """Reverse a redemption; Omneo allows it for ten minutes, and refuses it later (Omneo facts 10).

        Raises `OutcomeUnknown` where it is in doubt.
        """
        call = ApiCall("POST", paths.REVERSAL.guide, {"redemption_id": redemption_id})
        return self._use(call, "reversal")

    def return_uses(self, redemption_id: str, *, count: int = 1) -> Redemption:
        """Return ``count`` uses of a redemption at any later time (Omneo facts 10); raises as `reverse` does."""
        call = ApiCall("POST", paths.RETURN.guide, {"redemption_id": redemption_id}, body={"count": count})
        return self._use(call, "return")

    def _use(self, call: ApiCall, kind: str = "redeem") -> Redemption:
        return self._session.write(call, lambda body: self._session.reader.redemption(data(body), kind))

    def _redemption(self, body: object) -> Redemption:
        return self._session.reader.redemption(data(body))


def _reaches_back(page: ListPage[Redemption], until: datetime) -> bool:
    """Whether a page of a newest-first list ends before ``until``; a list in another order never says so."""
    stamps = [one.created_at for one in page.items if one.created_at is not None]
    is_newest_first = len(stamps) == len(page.items) > 0 and stamps == sorted(stamps, reverse=True)
    return is_newest_first and stamps[-1] < until


def _count(body: object) -> int:
    number = codec.integer(codec.mapping(data(body)).get("count"))
    if number is None:
        raise InvalidResponse("Omneo's answer has no count.")
    return number
