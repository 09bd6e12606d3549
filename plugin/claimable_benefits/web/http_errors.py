"""The pages' own HTTP errors: werkzeug's, so a shop's error handlers restyle them; without one they show a page.

BadRequest
└── FormRefused     a form that we do not trust: no token, or one that is forged, stale, or somebody else's
NotFound
└── NoSuchBenefit   nothing of that name on this shopper's own wallet
ServiceUnavailable
└── LedgerDown      our own records cannot be read or written right now
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from flask import render_template
from werkzeug.exceptions import BadRequest, HTTPException, NotFound, ServiceUnavailable

from claimable_benefits.web import current
from claimable_benefits.web.rendering import messages

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class _Page(HTTPException):
    """An HTTP error that shows itself in the shop's layout: one sentence and a way on."""

    heading: ClassVar[str]

    def __init__(self, sentence: str, *, way_on: str | None = None, link: str | None = None) -> None:
        super().__init__(description=sentence)
        self.way_on = way_on
        self.link = link

    def get_body(
        self,
        environ: WSGIEnvironment | None = None,  # noqa: ARG002 - werkzeug's signature
        scope: dict[str, Any] | None = None,  # noqa: ARG002 - werkzeug's signature
    ) -> str:
        """Render the page; called within the request, where no handler of the shop's takes the error."""
        return render_template(
            "claimable_benefits/problem.html",
            cb_base=current.settings().base_template,
            stylesheet=current.stylesheet_url(),
            heading=self.heading,
            sentence=self.description,
            way_on=self.way_on or "Your benefits",
            link=self.link or current.url("wallet"),
        )


class FormRefused(_Page, BadRequest):
    """A form was refused and nothing was done."""

    heading = "That did not work"


class BenefitNotFound(_Page, NotFound):
    """The address names nothing that this shopper has; whether others have it is not said."""

    heading = "We could not find that"

    def __init__(self) -> None:
        super().__init__("There is no such benefit in your account. It may have ended, or the address is not complete.")


class LedgerUnavailablePage(_Page, ServiceUnavailable):
    """The ledger's database is locked, full or away: nothing was done, and trying again is safe."""

    heading = "Please try again in a minute"

    def __init__(self, *, way_on: str | None = None, link: str | None = None) -> None:
        super().__init__(messages.LEDGER_DOWN, way_on=way_on, link=link)
