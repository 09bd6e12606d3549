"""A person decides about a use that nothing else could decide about."""

from __future__ import annotations

from claimable_benefits.domain.states import UseState
from claimable_benefits.errors import Declined
from claimable_benefits.ledger.uses import Use, find_use, move_use
from claimable_benefits.service.context import Context
from claimable_benefits.service.redemption.rollback import finish_undos

VERDICTS = {
    "undone": UseState.UNDONE,
    "consumed": UseState.CONSUMED,
    "released": UseState.RELEASED,
    "undo": UseState.UNDOING,
}


def resolve(ctx: Context, use_id: str, verdict: str, *, actor: str, reason: str) -> Use:
    """Move a use that waits for a person as ``verdict`` says, with the person's reason; gives it as it stands then.

    ``undo`` asks Omneo once more. Raises `Declined` where there is no such use, where it does not wait, or where there
    is nothing to undo, and `Overtaken` where somebody else moved it at this moment.
    """
    with ctx.ledger.write() as connection:
        use = find_use(connection, use_id)
        if use is None:
            raise Declined("unknown_use", f"The ledger has no use {use_id}.")
        if use.state is not UseState.NEEDS_A_PERSON:
            stands = use.state.replace("_", " ")
            raise Declined("not_waiting", f"Use {use_id} does not wait for a person: it is {stands}.")
        if verdict == "undo" and use.redemption_id is None:
            raise Declined("nothing_to_undo", f"No redemption of use {use_id} is known, so there is nothing to undo.")
        moved = move_use(connection, use, VERDICTS[verdict], ctx.because(actor, reason), attempts=0, note=reason)
    if verdict != "undo":
        return moved
    finish_undos(ctx)
    with ctx.ledger.read() as connection:
        return find_use(connection, use_id) or moved
