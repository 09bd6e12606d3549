"""The forms on our pages: one button each, and what travels with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from secrets import token_hex
from typing import cast

from markupsafe import escape

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.web.current import this_app, url
from claimable_benefits.web.forms.tokens import page_token, seal


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
        """The form field that names what the action is about."""
        return "handle" if self in (Action.CLAIM, Action.CLAIM_AND_REDEEM) else "benefit_id"


@dataclass(frozen=True, slots=True)
class ActionForm:
    """One button: where it posts to, its accessible name, and the hidden fields."""

    url: str
    label: str
    fields: tuple[tuple[str, str], ...]


# A draft as it goes over the wire, cut where the page's token stands: neither encoded nor searched at each print.
Pieces = tuple[bytes, ...]


def pieces(draft: str) -> Pieces:
    return tuple(draft.encode().split(_OURS.encode()))


# Nobody outside of this process can write a mark, so no text of Omneo's is ever taken for one.
_OURS, _HOSTS = (f"[{token_hex(16)}]" for _ in range(2))


class Buttons:
    """Makes the buttons of one page for one shopper.

    A draft has marks instead of the tokens that are another one on each page: `fill` puts them in when it is printed.
    """

    def __init__(self, shopper: Shopper, *, draft: bool = False) -> None:
        self._shopper = shopper
        self._draft = draft
        self._hosts_field = _hosts_field()
        self._token = ""

    def form(self, action: Action, subject: str, label: str, *, back_to: str | None = None) -> ActionForm:
        """A button for ``subject``, a benefit id or a handle. ``back_to`` is the page to return to."""
        ours = _OURS if self._draft else self._pages_token()
        fields = [("cb_token", ours + seal(self._shopper.customer_id, action, subject)), (action.field, subject)]
        if back_to:
            fields.append(("next", back_to))
        if name := self._hosts_field:
            fields.append((name, _HOSTS if self._draft else _hosts_token()))
        return ActionForm(url(action), label, tuple(fields))

    def fill(self, draft: str) -> str:
        """The draft as it is to be printed."""
        html = draft.replace(_OURS, self._pages_token())
        return html.replace(_HOSTS, escape(_hosts_token())) if self._hosts_field else html

    def print(self, pieces: Pieces) -> bytes:
        """As `fill`, for a draft in `pieces`."""
        html = self._pages_token().encode().join(pieces)
        return html.replace(_HOSTS.encode(), escape(_hosts_token()).encode()) if self._hosts_field else html

    def _pages_token(self) -> str:
        if not self._token:
            self._token = page_token(self._shopper.customer_id)
        return self._token


def _hosts_field() -> str | None:
    """Flask-WTF's CSRFProtect guards every POST of an app, ours too, so its field goes along where it is in use."""
    app = this_app()
    if not callable(app.jinja_env.globals.get("csrf_token")):
        return None
    return str(app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"))


def _hosts_token() -> str:
    generate = cast("Callable[[], object]", this_app().jinja_env.globals["csrf_token"])
    return str(generate())
