"""What a shopper has used: Omneo's redemptions, and the ledger's uses that Omneo does not show."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from claimable_benefits.domain.benefits import Redemption
from claimable_benefits.domain.shop import Shopper
from claimable_benefits.domain.states import UseState
from claimable_benefits.ledger.uses import Use, uses_of_customer
from claimable_benefits.service.account.wallet_view import is_pending
from claimable_benefits.service.context import Context

_SENT = (
    UseState.REDEEMING,
    UseState.IN_DOUBT,
    UseState.REDEEMED,
    UseState.CONSUMED,
    UseState.ROLLING_BACK,
    UseState.ROLLED_BACK,
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One use. ``where`` is checkout, account or store; ``pending`` is True while Omneo's answer is in doubt."""

    name: str
    used_at: datetime
    where: str
    order_number: str | None = None
    is_returned: bool = False
    pending: bool = False
    redemption_id: str | None = None
    use_id: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Uses, newest first. ``is_whole`` is False where it holds the uses of this shop only."""

    entries: tuple[Entry, ...]
    is_whole: bool = True


def remembered_history(ctx: Context, shopper: Shopper, *, ask: bool = False) -> History:
    """Return everything that the shopper has used, newest first; without ``ask``, from the cache and the ledger alone.

    With ``ask`` it raises `OmneoError` where Omneo fails, or takes longer than the wait budget of a page.
    """
    customer_version = ctx.wallets.customer_version(ctx.ledger, shopper)
    redemptions = ctx.wallets.history(ctx.wallet_source, customer_version, ask=ask) if customer_version else ()
    ours = () if customer_version and not customer_version.has_uses else _sent(ctx, shopper)
    return History(_entries(_as_ours(ctx, redemptions or ()), ours), redemptions is not None)


def _as_ours(ctx: Context, redemptions: Sequence[Redemption]) -> Sequence[Redemption]:
    """Name linked orders as the shop does: at Omneo a prefix may stand before their numbers."""
    number = ctx.ledger.order_number_of
    return [replace(one, order_number=number(one.order_number)) if one.order_number else one for one in redemptions]


def _sent(ctx: Context, shopper: Shopper) -> Sequence[Use]:
    with ctx.ledger.read() as connection:
        return uses_of_customer(connection, shopper.customer_id, states=_SENT)


def _entries(redemptions: Sequence[Redemption], ours: Sequence[Use]) -> tuple[Entry, ...]:
    entries = list(_from_omneo(redemptions, {use.redemption_id: use for use in ours if use.redemption_id}))
    shown = {entry.redemption_id for entry in entries}
    entries += [_from_ledger(use) for use in ours if use.redemption_id is None or use.redemption_id not in shown]
    return tuple(sorted(entries, key=lambda entry: entry.used_at, reverse=True))


def _from_omneo(redemptions: Sequence[Redemption], ours: dict[str | None, Use]) -> Iterable[Entry]:
    returned = _returned(redemptions)
    for redemption in redemptions:
        at = redemption.redeemed_at or redemption.created_at
        if redemption.kind != "redeem" or not redemption.benefit_ids or at is None:
            continue
        use = ours.get(redemption.id)
        order_number = (use.order_number if use else None) or redemption.order_number
        yield Entry(
            name=use.name if use else next(iter(redemption.benefit_names), "Benefit"),
            used_at=at,
            where=use.channel if use else ("checkout" if order_number else "store"),
            order_number=order_number,
            is_returned=use.state is UseState.ROLLED_BACK if use else redemption.id in returned,
            redemption_id=redemption.id,
            use_id=use.use_id if use else None,
        )


def _returned(redemptions: Sequence[Redemption]) -> set[str]:
    """Omneo does not say which redemption a return belongs to: take the latest earlier one of that benefit."""
    oldest_first = sorted((r for r in redemptions if r.created_at), key=lambda r: (r.created_at, _number(r.id)))
    open_uses: dict[str, list[str]] = {}
    returned: set[str] = set()
    for redemption in oldest_first:
        for benefit_id in redemption.benefit_ids:
            uses = open_uses.setdefault(benefit_id, [])
            if redemption.kind == "redeem":
                uses.append(redemption.id)
            elif uses:
                returned.add(uses.pop())
    return returned


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _from_ledger(use: Use) -> Entry:
    return Entry(
        name=use.name,
        used_at=use.redeemed_at or use.sent_at or use.updated_at,
        where=use.channel,
        order_number=use.order_number,
        is_returned=use.state is UseState.ROLLED_BACK,
        pending=is_pending(use),
        redemption_id=use.redemption_id,
        use_id=use.use_id,
    )
