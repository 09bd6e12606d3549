"""A shop of a few lines for real processes: `flask`, gunicorn and Celery all start it from here."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from flask import Flask
from sqlalchemy import NullPool, create_engine
from sqlalchemy.orm import Session

from claimable_benefits import ClaimableBenefits, Transaction
from claimable_benefits.runtime import Runtime

benefits = ClaimableBenefits(
    clock=lambda: datetime.now(UTC) + timedelta(seconds=int(os.environ.get("SHOP_CLOCK_AHEAD", "0")))
)


def create_app() -> Flask:
    """The shop, set up by variables of its environment; it may be made in a test's own process too."""
    app = Flask("shop")
    app.config.from_prefixed_env()
    benefits.init_app(app)
    engine = create_engine(app.config["BENEFITS_DATABASE_URL"], poolclass=NullPool)

    @app.post("/orders/<number>")
    def place(number: str) -> str:
        with Session(engine) as session:
            benefits.submit(sale(number), session=session)
            session.commit()
        return f"{number} in process {os.getpid()}"

    return app


def runtime_of(app: Flask) -> Runtime:
    runtime: Runtime = app.extensions["claimable_benefits"]
    return runtime


def sale(number: str) -> Transaction:
    now = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
    return Transaction(number, None, Decimal("89.99"), Decimal("99.99"), now, "AUD")
