"""Read the redemptions of a period, of all profiles, where the tenant filters them by time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from claimable_benefits.domain.benefits import Redemption
from claimable_benefits.errors import PermissionDenied, Rejected
from claimable_benefits.omneo import codec, paths
from claimable_benefits.omneo.resource import Resource

_PROBE = "canary of created_at"
_SECOND = timedelta(seconds=1)
_BEFORE_OMNEO = datetime(1990, 1, 1, tzinfo=UTC)


class RedemptionPeriods(Resource):
    """Calls about the redemptions of a period (Omneo facts 1.4 and 9). All raise `OmneoError`."""

    def redemptions_between(self, since: datetime, until: datetime) -> tuple[Redemption, ...] | None:
        """Read what all profiles used, returned and reversed from ``since`` until before ``until``.

        Both times are aware and by Omneo's clock. None where the tenant does not filter by time, or the token may not
        list the redemptions of all profiles. Raises `InvalidResponse` for an answer that cannot be read: it does not
        show that a period holds nothing.
        """
        try:
            if not self._filters_by_time():
                return None
            found = self._made_between(since, until)
        except (Rejected, PermissionDenied):
            return None
        if any(not _is_within(one, since, until) for one in found):
            self._session.dialects.remember(_PROBE, "ignored")
            return None
        return found

    def _filters_by_time(self) -> bool:
        """Whether a period that holds a known redemption shows it, and one that holds none shows none.

        A tenant may ignore the filter, or compare whole values and find nothing: both would hide what is there.
        """
        dialects = self._session.dialects
        if (known := dialects.known_variant(_PROBE)) is not None:
            return known == "applied"
        first = self._pages(paths.REDEMPTIONS.guide, self._session.reader.redemption)(1).items
        dated = [one for one in first if one.created_at is not None]
        if not dated:
            return not first  # where there is no redemption at all, no filter hides any
        sample, at = dated[0], dated[0].created_at or _BEFORE_OMNEO
        try:
            around = self._made_between(at, at + _SECOND)
            answer = (
                "applied" if _shows(around, sample) and not self._made_between(_BEFORE_OMNEO, _BEFORE_OMNEO) else ""
            )
        except Rejected:
            answer = ""
        dialects.remember(_PROBE, answer or "ignored")
        return bool(answer)

    def _made_between(self, since: datetime, until: datetime) -> tuple[Redemption, ...]:
        # Omneo's own timestamps are UTC without an offset (Omneo facts 1.5), in whole seconds.
        query = {
            "filter[created_at][gte]": codec.wall_clock(since, UTC),
            "filter[created_at][lt]": codec.wall_clock(until, UTC),
        }
        return self._all(paths.REDEMPTIONS.guide, self._session.reader.redemption, query=query)


def _shows(found: Sequence[Redemption], sample: Redemption) -> bool:
    return any(one.id == sample.id for one in found)


def _is_within(one: Redemption, since: datetime, until: datetime) -> bool:
    return one.created_at is None or since - _SECOND <= one.created_at < until + _SECOND
