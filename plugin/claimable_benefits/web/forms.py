"""The forms on our pages: one button each, and what travels with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from flask import current_app

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.web.face import url
from claimable_benefits.web.tokens import mint_token


class Action(StrEnum):
    """What a button does; also the name of its endpoint."""

    CLAIM = "claim"
    USE = "use"
    APPLY = "apply"
    REMOVE = "remove"
    MOVE = "move"

    @property
    def field(self) -> str:
        """The form field that names what the action is about."""
        return "handle" if self is Action.CLAIM else "benefit_id"


@dataclass(frozen=True, slots=True)
class Form:
    """One button: where it posts to, its accessible name, and the hidden fields."""

    url: str
    label: str
    fields: tuple[tuple[str, str], ...]


def form(shopper: Shopper, action: Action, subject: str, label: str, *, back_to: str | None = None) -> Form:
    """A button for ``subject``, a benefit id or a handle. ``back_to`` is the page to return to."""
    fields = [("cb_token", mint_token(shopper, action, subject)), (action.field, subject)]
    if back_to:
        fields.append(("next", back_to))
    return Form(url(action), label, (*fields, *_hosts_own_token()))


def _hosts_own_token() -> tuple[tuple[str, str], ...]:
    """Flask-WTF's CSRFProtect guards every POST of an app, ours too, so its field goes along where it is in use."""
    generate = current_app.jinja_env.globals.get("csrf_token")
    if not callable(generate):
        return ()
    return ((current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"), str(generate())),)
