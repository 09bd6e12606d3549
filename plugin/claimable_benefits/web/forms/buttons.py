"""The forms on our pages: one button each, and the hidden fields that it posts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import cast

from flask import current_app
from markupsafe import escape

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.web.current import url
from claimable_benefits.web.forms.tokens import button_signature, page_token


class Action(StrEnum):
    """What a button does; also the name of its endpoint."""

    CLAIM = "claim"
    CLAIM_AND_REDEEM = "claim_and_redeem"
    USE = "use"
    APPLY = "apply"
    REMOVE = "remove"
    MOVE = "move"

    @property
    def field(self) -> str:
        """The form field that names the subject of the action."""
        return "handle" if self in (Action.CLAIM, Action.CLAIM_AND_REDEEM) else "benefit_id"


@dataclass(frozen=True, slots=True)
class ActionForm:
    """One button: where it posts to, its accessible name, and the hidden fields."""

    url: str
    label: str
    fields: tuple[tuple[str, str], ...]


class Buttons:
    """Makes the buttons of one page for one shopper.

    The page's token is the only thing in a page that changes from request to request. Nobody can predict it (it holds
    128 random bits and a signature), so no text of Omneo's contains it, and a rendered page can be cut where it stands.
    """

    def __init__(self, shopper: Shopper) -> None:
        self._shopper = shopper
        self._csrf_field = _csrf_field()

    @cached_property
    def token(self) -> str:
        """The page's token, the same in all its buttons."""
        return page_token(self._shopper.customer_id)

    def form(self, action: Action, subject: str, label: str, *, back_to: str | None = None) -> ActionForm:
        """Make a button for ``subject``, a benefit id or a handle. ``back_to`` is the page to return to."""
        signature = button_signature(self._shopper.customer_id, action, subject)
        fields = [("cb_token", f"{self.token}.{signature}"), (action.field, subject)]
        if back_to:
            fields.append(("next", back_to))
        if self._csrf_field:
            fields.append((self._csrf_field, self._csrf_placeholder))
        return ActionForm(url(action), label, tuple(fields))

    def finish(self, html: str) -> str:
        """Put the shop's own CSRF token into a rendered page. It may be guessable, so a page is never cut there."""
        if not self._csrf_field or self._csrf_placeholder not in html:
            return html
        return html.replace(self._csrf_placeholder, escape(_csrf_token()))

    @property
    def _csrf_placeholder(self) -> str:
        return f"{self.token}~csrf"  # no token of a button has this sign


def _csrf_field() -> str | None:
    """Flask-WTF's CSRFProtect checks every POST of an app, ours too, so its field is sent where it is in use."""
    if not callable(current_app.jinja_env.globals.get("csrf_token")):
        return None
    return str(current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"))


def _csrf_token() -> str:
    generate = cast("Callable[[], object]", current_app.jinja_env.globals["csrf_token"])
    return str(generate())
