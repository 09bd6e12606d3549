"""A session that reaches another database than the ledger could tear an order apart, so it is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask_sqlalchemy import SQLAlchemy as FlaskSQLAlchemy
from flask_sqlalchemy_lite import SQLAlchemy as FlaskSQLAlchemyLite
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from claimable_benefits import ClaimableBenefits, SettingsError
from tests.ledger.session_hooks.conftest import Shop, make_app, sale


def test_a_session_of_another_database_is_refused_with_key_and_remedy(plain: Shop, tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'other.sqlite3'}")

    with Session(engine) as session, pytest.raises(SettingsError) as refused:
        plain.benefits.submit(sale("A1"), session=session)
    engine.dispose()

    assert refused.value.key == "BENEFITS_DATABASE_URL"
    assert "Point it at the database in which your orders are" in refused.value.remedy
    assert plain.seen() == ([], [])


def count(connection: Any) -> int:
    number: int = connection.execute(text("select count(*) from benefits_outbox")).scalar_one()
    return number


def test_orders_in_a_bind_of_flask_sqlalchemy(tmp_path: Path) -> None:
    orders = f"sqlite:///{tmp_path / 'orders.sqlite3'}"
    app = make_app(
        tmp_path,
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{tmp_path / 'main.sqlite3'}",
        SQLALCHEMY_BINDS={"orders": orders},
        BENEFITS_DATABASE_URL=orders,
    )
    db = FlaskSQLAlchemy(app)
    benefits = ClaimableBenefits()
    benefits.init_app(app)

    with app.app_context():
        with pytest.raises(SettingsError, match="another database"):
            benefits.submit(sale("A1"), session=db.session)
        connection = db.session.connection(bind_arguments={"bind": db.engines["orders"]})
        benefits.submit(sale("A1"), session=connection)
        with db.engines["orders"].connect() as another:
            before = count(another)
        db.session.commit()
        with db.engines["orders"].connect() as another:
            after = count(another)
        db.session.close()
        for engine in db.engines.values():
            engine.dispose()
    app.extensions["claimable_benefits"].close()

    assert (before, after) == (0, 1)


def test_without_a_setting_the_ledger_is_where_the_default_bind_is(tmp_path: Path) -> None:
    own = f"sqlite:///{tmp_path / 'main.sqlite3'}"
    app = make_app(tmp_path, SQLALCHEMY_ENGINES={"default": own, "stock": f"sqlite:///{tmp_path / 'stock.sqlite3'}"})
    db = FlaskSQLAlchemyLite(app)
    benefits = ClaimableBenefits()
    benefits.init_app(app)

    with app.app_context():
        benefits.submit(sale("A1"), session=db.session)
        db.session.commit()
        with db.engine.connect() as another:
            queued = count(another)
        db.session.close()
        for engine in db.engines.values():
            engine.dispose()
    app.extensions["claimable_benefits"].close()

    assert queued == 1
