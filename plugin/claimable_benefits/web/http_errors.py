"""The pages' own HTTP errors: werkzeug's, so a shop's error handlers restyle them; without one they show a page.

BadRequest
└── FormRefused               a form with no token, or with one that is forged, stale or another shopper's
NotFound
└── BenefitNotFound           nothing of that name in this shopper's own wallet
TooManyRequests
└── TooManyClicks             one shopper has pressed our buttons too often in the last minute
ServiceUnavailable
├── LedgerUnavailablePage     the ledger cannot be read or written right now
└── LoaderFailedPage          the shop's shopper or cart loader failed, so it is not known whose benefits to show
"""

from __future__ import annotations

from typing import Any, ClassVar
from wsgiref.types import WSGIEnvironment

from flask import render_template
from werkzeug.exceptions import BadRequest, HTTPException, NotFound, ServiceUnavailable, TooManyRequests

from claimable_benefits.web.current import settings, stylesheet_url, wallet_url

SIGNED_OUT = "You are signed out. Sign in, and then try again."
NO_TOKEN = "This page was not complete when its button was pressed. Nothing was changed."  # noqa: S105 - a sentence
STALE = "This page was open for too long. Nothing was changed. Go back and try again."
NOT_THIS = "This button does not belong to this benefit, or not to your account. Nothing was changed."
FOREIGN = "This came from another site, so nothing was changed."
LOADER_DOWN = "Your benefits cannot be shown right now. Nothing was changed."
LEDGER_DOWN = "We cannot reach our records of your benefits right now, so nothing was changed."


class _ErrorPage(HTTPException):
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
            cb_base=settings().base_template,
            stylesheet=stylesheet_url(),
            heading=self.heading,
            sentence=self.description,
            way_on=self.way_on or "Your benefits",
            link=self.link or wallet_url(),
        )


class FormRefused(_ErrorPage, BadRequest):
    """A form was refused and nothing was done."""

    heading = "That did not work"


class BenefitNotFound(_ErrorPage, NotFound):
    """The address names nothing that this shopper has; the page is the same where another shopper has it."""

    heading = "We could not find that"

    def __init__(self) -> None:
        super().__init__("There is no such benefit in your account. It may have ended, or the address is not complete.")


class TooManyClicks(_ErrorPage, TooManyRequests):
    """Nothing was done, and nothing is done before ``seconds`` have passed: the header Retry-After says so, too."""

    heading = "One moment, please"

    def __init__(self, seconds: int, *, link: str | None = None) -> None:
        sentence = f"You have clicked very often, so nothing was changed. Please try again in {seconds} "
        super().__init__(f"{sentence}second{'s' if seconds != 1 else ''}.", way_on="Go back", link=link)
        self.retry_after = seconds


class LedgerUnavailablePage(_ErrorPage, ServiceUnavailable):
    """The ledger's database is locked, full or down: nothing was done, and a second attempt is safe."""

    heading = "Please try again in a minute"

    def __init__(self, *, way_on: str | None = None, link: str | None = None) -> None:
        super().__init__(LEDGER_DOWN, way_on=way_on, link=link)


class LoaderFailedPage(_ErrorPage, ServiceUnavailable):
    """A loader of the shop's failed: nothing was done. The log says which, and what it did."""

    heading = "Please try again in a minute"

    def __init__(self) -> None:
        super().__init__(LOADER_DOWN, way_on="Try again")
