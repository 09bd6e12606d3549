"""A shop for many processes at once: a header names who is signed in, and every answer says which process it is."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from flask import Flask, render_template_string, request
from flask.wrappers import Response
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session

from claimable_benefits import Cart, ClaimableBenefits, Declined, Line, Shopper, Transaction

POLICIES = """
[tenner]
discount = "amount"
size = "10 AUD"
used_at = "checkout"

[lounge]
used_at = "account"
"""
_TOTAL = Decimal("89.99")


def create_app() -> Flask:
    """The shop, set up by variables of its environment; its policies stand in the file that these name."""
    benefits = ClaimableBenefits()
    app = Flask("scale_out", instance_path=str(Path(os.environ["FLASK_BENEFITS_POLICIES"]).parent))
    app.config.from_prefixed_env()
    benefits.shopper_loader(_shopper)
    benefits.cart_loader(lambda: Cart(_named("X-Cart"), (Line("shirt", "Linen shirt", 1, Decimal("99.99")),), "AUD"))
    benefits.init_app(app)
    engine = create_engine(app.config["BENEFITS_DATABASE_URL"], poolclass=NullPool)
    app.add_url_rule("/checkout", "checkout", lambda: render_template_string("{{ benefits_panel() }}"))

    @app.post("/orders/<number>")
    def place(number: str) -> str:
        try:
            with benefits.redeeming(number) as use:
                sale = Transaction(number, _named("X-Customer"), _TOTAL, Decimal("99.99"), datetime.now(UTC), "AUD")
                with Session(engine) as session:
                    benefits.submit(sale, session=session)
                    session.commit()
        except Declined:
            return "declined"
        return use.name if use else "no benefit"

    @app.after_request
    def say_who(answer: Response) -> Response:
        answer.headers["X-Process"] = str(os.getpid())
        return answer

    return app


def _shopper() -> Shopper | None:
    name = _named("X-Customer")
    return Shopper(name) if name else None


def _named(header: str) -> str:
    return request.headers.get(header, "")
