"""The order and its transaction are one commit of the shop's own session, whatever kind it is."""

from __future__ import annotations

import pytest

from tests.ledger.session_hooks.conftest import Shop, sale


def test_order_and_transaction_are_committed_together(shop: Shop) -> None:
    shop.submit("A1")
    before = shop.seen()
    shop.session.commit()

    assert before == ([], [])
    assert shop.seen() == (["A1"], ["A1"])
    assert shop.wakes == ["woken"]


def test_order_and_transaction_are_rolled_back_together(shop: Shop) -> None:
    shop.submit("A1")
    shop.session.rollback()

    assert shop.seen() == ([], [])
    assert shop.wakes == []


def test_a_rolled_back_order_wakes_nobody_at_the_next_commit(shop: Shop) -> None:
    shop.submit("A1")
    shop.session.rollback()
    shop.session.commit()
    shop.session.connection()
    shop.session.commit()

    assert shop.wakes == []


def test_a_session_that_lives_long_keeps_nothing_of_what_was_rolled_back(plain: Shop) -> None:
    plain.submit("A1")
    plain.session.rollback()

    assert plain.session.info["claimable_benefits"].calls == {}


def test_an_order_that_is_tried_again_after_a_rollback_is_placed_once(shop: Shop) -> None:
    shop.submit("A1")
    shop.session.rollback()
    shop.submit("A1")
    shop.session.commit()

    assert shop.seen() == (["A1"], ["A1"])
    assert shop.revisions("A1")[0] == 1
    assert shop.wakes == ["woken"]


def test_a_savepoint_that_is_released_wakes_nobody_before_the_commit(shop: Shop) -> None:
    with shop.session.begin_nested():
        shop.submit("A1")
    after_the_savepoint = list(shop.wakes)
    shop.session.commit()

    assert after_the_savepoint == []
    assert shop.wakes == ["woken"]
    assert shop.seen() == (["A1"], ["A1"])


def test_another_savepoint_after_the_submission_wakes_nobody(shop: Shop) -> None:
    shop.submit("A1")
    with shop.session.begin_nested():
        shop.session.connection()
    after_the_savepoint = list(shop.wakes)
    shop.session.commit()

    assert (after_the_savepoint, shop.wakes) == ([], ["woken"])


def test_what_is_submitted_in_a_savepoint_that_is_undone_wakes_nobody(shop: Shop) -> None:
    shop.submit("A1")
    shop.session.rollback()
    savepoint = shop.session.begin_nested()
    shop.submit("A2")
    savepoint.rollback()
    shop.session.commit()

    assert shop.wakes == []
    assert shop.seen() == ([], [])


def test_an_outer_savepoint_takes_what_inner_ones_released_with_it(shop: Shop) -> None:
    outer = shop.session.begin_nested()
    with shop.session.begin_nested():
        shop.submit("A1")
    outer.rollback()
    shop.submit("A2")
    shop.session.commit()

    assert shop.seen() == (["A2"], ["A2"])
    assert shop.wakes == ["woken"]


def test_a_session_that_places_many_orders_wakes_once_for_each(shop: Shop) -> None:
    for number in ("A1", "A2", "A3"):
        shop.submit(number)
        shop.session.commit()

    assert shop.wakes == ["woken"] * 3


def test_an_order_submitted_again_replaces_its_transaction(shop: Shop) -> None:
    shop.submit("A1")
    shop.session.commit()
    shop.submit("A1", total="49.99")
    shop.session.commit()

    revision, content = shop.revisions("A1")
    assert (revision, "49.99" in content) == (2, True)


def test_an_order_submitted_twice_in_one_commit_has_its_last_content(shop: Shop) -> None:
    shop.submit("A1")
    shop.submit("A1", total="49.99")
    shop.session.commit()

    assert "49.99" in shop.revisions("A1")[1]
    assert shop.seen() == (["A1"], ["A1"])


@pytest.mark.parametrize("wrong", [None, "session", 7])
def test_what_is_no_session_is_refused_by_its_kind(shop: Shop, wrong: object) -> None:
    with pytest.raises(TypeError, match=f"not {type(wrong).__name__}"):
        shop.benefits.submit(sale("A1"), session=wrong)  # type: ignore[arg-type] # that is the test

    assert shop.seen() == ([], [])
