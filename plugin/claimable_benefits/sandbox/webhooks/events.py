"""The log of events that webhooks are sent from."""

from __future__ import annotations

from claimable_benefits.sandbox.state import store
from claimable_benefits.sandbox.state.request_state import RequestState
from claimable_benefits.sandbox.webhooks import outbox


def record_event(state: RequestState, trigger: str, subject: str, subject_id: object, profile_id: str | None) -> None:
    """Insert an event and its deliveries in the transaction of the change itself."""
    event = {
        "trigger": trigger,
        "subject": subject,
        "subject_id": str(subject_id),
        "profile_id": profile_id,
        "created_at": state.stamp,
    }
    number = store.insert(state.db, "events", event)
    outbox.enqueue(state, number, event | {"subject_id": subject_id})
