"""What happened, in order: the source that webhooks are sent from."""

from __future__ import annotations

from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState
from claimable_benefits.sandbox.webhooks import outbox


def record(scene: RequestState, trigger: str, subject: str, subject_id: object, profile_id: str | None) -> None:
    """Note an event, and whom to tell of it, in the same transaction as the change it tells of."""
    event = {
        "trigger": trigger,
        "subject": subject,
        "subject_id": str(subject_id),
        "profile_id": profile_id,
        "created_at": scene.stamp,
    }
    number = store.insert(scene.db, "events", event)
    outbox.post(scene, number, event | {"subject_id": subject_id})
