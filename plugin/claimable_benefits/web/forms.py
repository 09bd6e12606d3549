"""The forms on our pages: one button each, and what travels with it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from secrets import token_hex
from typing import cast

from flask import current_app
from markupsafe import escape

from claimable_benefits.domain.shop import Shopper
from claimable_benefits.web.face import url
from claimable_benefits.web.tokens import Mint, begin_token


class Action(StrEnum):
    """What a button does; also the name of its endpoint."""

    CLAIM = "claim"
    CLAIM_AND_USE = "claim_and_use"
    USE = "use"
    APPLY = "apply"
    REMOVE = "remove"
    MOVE = "move"

    @property
    def field(self) -> str:
        """The form field that names what the action is about."""
        return "handle" if self in (Action.CLAIM, Action.CLAIM_AND_USE) else "benefit_id"


@dataclass(frozen=True, slots=True)
class Form:
    """One button: where it posts to, its accessible name, and the hidden fields."""

    url: str
    label: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a token will stand: ours, of which the beginning is known, or the host's own where ``begun`` is empty."""

    begun: bytes = b""


# Nobody outside of this process can write a mark, so no text of Omneo's is ever taken for one.
_MARK = token_hex(16)
PLACE = re.compile(rf"{_MARK}-(\d+)-")


class Buttons:
    """Makes the buttons of one page for one shopper.

    A draft has marks instead of tokens, and ``places`` for what they stand for: `fill` gives it when it is printed.
    """

    def __init__(self, shopper: Shopper, *, draft: bool = False) -> None:
        self._shopper = shopper
        self._draft = draft
        self.places: list[Place] = []

    def form(self, action: Action, subject: str, label: str, *, back_to: str | None = None) -> Form:
        """A button for ``subject``, a benefit id or a handle. ``back_to`` is the page to return to."""
        begun = begin_token(self._shopper.customer_id, action, subject)
        fields = [("cb_token", self._token(Place(begun))), (action.field, subject)]
        if back_to:
            fields.append(("next", back_to))
        if name := self._hosts_field:
            fields.append((name, self._token(Place())))
        return Form(self._url(action), label, tuple(fields))

    def fill(self, place: Place) -> str:
        """What stands there on this page, ready to be printed."""
        return self._mint.finish(place.begun) if place.begun else str(escape(self._hosts_token))

    def _token(self, place: Place) -> str:
        if self._draft:
            self.places.append(place)
            return f"{_MARK}-{len(self.places) - 1}-"
        return self._mint.finish(place.begun) if place.begun else self._hosts_token

    def _url(self, action: Action) -> str:
        if action not in self._urls:
            self._urls[action] = url(action)
        return self._urls[action]

    @cached_property
    def _urls(self) -> dict[Action, str]:
        return {}

    @cached_property
    def _mint(self) -> Mint:
        return Mint()

    @cached_property
    def _hosts_field(self) -> str | None:
        """Flask-WTF's CSRFProtect guards every POST of an app, ours too, so its field goes along where it is in use."""
        if not callable(current_app.jinja_env.globals.get("csrf_token")):
            return None
        return str(current_app.config.get("WTF_CSRF_FIELD_NAME", "csrf_token"))

    @cached_property
    def _hosts_token(self) -> str:
        generate = cast("Callable[[], object]", current_app.jinja_env.globals["csrf_token"])
        return str(generate())
