"""Rows of two tenants in one database: no function of the ledger reads or changes those of another shop."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Connection, event, select

from claimable_benefits.domain.states import ClaimState, DeliveryState, UseState
from claimable_benefits.errors import ConflictError
from claimable_benefits.ledger import Ledger, claims, customer_version, events, key_values, outbox, profile_ids, uses
from claimable_benefits.ledger.retention import pruning, tombstones
from claimable_benefits.ledger.shops import shop_of
from claimable_benefits.ledger.tables import metadata
from tests.ledger.rows import NOW, WHY, at_once, new_claim, new_use, queue, sale

ONE, TWO = "https://api.one.getomneo.com/api/v3", "https://api.two.getomneo.com/api/v3"
UNTIL = NOW + timedelta(days=1)
BURIED = tombstones.Tombstone("159", "160", UseState.ROLLED_BACK)


@dataclass
class TwoShops:
    """Two ledgers over one database. Shop one has a row of every kind, shop two has none."""

    one: Ledger
    two: Ledger
    use: uses.Use
    held: uses.Use
    claim: claims.Claim
    delivery: outbox.Delivery

    def rows_of_one(self) -> list[dict[str, Any]]:
        with self.one.read() as connection:
            return [
                dict(row)
                for table in metadata.sorted_tables
                if "shop_id" in table.c
                for row in connection.execute(
                    select(table).where(table.c.shop_id == self.one.shop.shop_id).order_by(*table.primary_key)
                ).mappings()
            ]


@pytest.fixture(params=["sqlite", "postgresql"])
def shops(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[TwoShops]:
    url = (
        f"sqlite:///{tmp_path / 'ledger.sqlite3'}"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres").empty_ledger()
    )
    one, two = Ledger(url, tenant=ONE), Ledger(url, tenant=TWO)
    one.create_tables()
    with one.write() as connection:
        fill(connection)
        held = uses.uses_in_state(connection, UseState.HELD)[0]
        use = uses.use_of_redemption(connection, "159")
        claim = claims.live_claims_of(connection, "mia")[0]
        delivery = outbox.find_delivery(connection, "A1")
    assert use
    assert delivery
    yield TwoShops(one, two, use, held, claim, delivery)
    one.close()
    two.close()


def fill(connection: Connection) -> None:
    """The same texts for whoever it is: customer, profile, cart, order number and Omneo's ids."""
    profile_ids.remember_profile(connection, "1001", "mia", NOW)
    key_values.set_value(connection, "a name", "a value", NOW)
    new_claim(connection)
    new_use(connection, cart_id="cart-1", benefit_id="8")
    used = new_use(connection, cart_id="cart-2", order_number="A1", sweep_at=NOW)
    used = uses.move_use(connection, used, UseState.REDEEMING, WHY, sent_at=NOW)
    used = uses.move_use(connection, used, UseState.REDEEMED, WHY, redemption_id="159", sweep_at=NOW)
    uses.touch_use(connection, used, NOW, rollback_sent_at=NOW)
    queue(connection, "A1", use_id=used.use_id, redemption_id="159")


Call = Callable[[Connection, TwoShops], object]
# What shop two gets with the ids of shop one: nothing. A function that is not listed fails the test below.
READS: dict[str, Call] = {
    "claims.claimed_ids": lambda c, _s: claims.claimed_ids(c, "mia"),
    "claims.due_claims": lambda c, _s: claims.due_claims(c, ClaimState.CLAIMING, UNTIL),
    "claims.find_claim": lambda c, s: claims.find_claim(c, s.claim.claim_id),
    "claims.live_claims_of": lambda c, _s: claims.live_claims_of(c, "mia"),
    "claims.sweepable_claims": lambda c, _s: claims.sweepable_claims(c, UNTIL),
    "customer_version.invalidate_profile": lambda c, _s: customer_version.invalidate_profile(c, "mia", UNTIL),
    "events.events_of": lambda c, s: [*events.events_of(c, s.use.use_id), *events.events_of(c, "order A1")],
    "key_values.compare_and_set_value": lambda c, _s: key_values.compare_and_set_value(
        c, "a name", "a value", "another", NOW
    ),
    "key_values.get_value": lambda c, _s: key_values.get_value(c, "a name"),
    "outbox.deliver_again": lambda c, s: outbox.deliver_again(c, s.delivery, DeliveryState.DUE, WHY),
    "outbox.deliveries_between": lambda c, _s: outbox.deliveries_between(c, NOW - timedelta(days=1), UNTIL),
    "outbox.deliveries_in_state": lambda c, _s: outbox.deliveries_in_state(c, *DeliveryState),
    "outbox.deliveries_to_verify": lambda c, _s: outbox.deliveries_to_verify(c, UNTIL),
    "outbox.find_delivery": lambda c, _s: outbox.find_delivery(c, "A1"),
    "outbox.finish_delivery": lambda c, s: outbox.finish_delivery(c, s.delivery, DeliveryState.DUE, WHY),
    "outbox.is_due": lambda c, _s: outbox.is_due(c, UNTIL),
    "outbox.lease_due": lambda c, _s: outbox.lease_due(c, UNTIL, seconds=40, limit=9),
    "outbox.note_verified": lambda c, s: outbox.note_verified(c, s.delivery, again_at=UNTIL),
    "outbox.resume_delivery": lambda c, _s: outbox.resume_delivery(c, "A1", WHY),
    "profile_ids.forget_profile": lambda c, _s: profile_ids.forget_profile(c, "1001"),
    "profile_ids.known_profile": lambda c, _s: profile_ids.known_profile(c, "1001"),
    "pruning.prune_ended": lambda c, _s: pruning.prune_ended(c, UNTIL, UNTIL, limit=9),
    "pruning.prune_unsent_holds": lambda c, _s: pruning.prune_unsent_holds(c, UNTIL, UNTIL, limit=9),
    "tombstones.pruned_ids": lambda c, _s: tombstones.pruned_ids(c, ["159"]),
    "tombstones.pruned_references": lambda c, _s: tombstones.pruned_references(c, ["shop-1"]),
    "tombstones.tombstones_of": lambda c, _s: tombstones.tombstones_of(c, ["159"]),
    "uses.concurrent_rollbacks": lambda c, s: uses.concurrent_rollbacks(c, s.held),
    "uses.due_uses": lambda c, _s: [found for state in UseState for found in uses.due_uses(c, state, UNTIL)],
    "uses.find_use": lambda c, s: uses.find_use(c, s.use.use_id),
    "uses.held_in_cart": lambda c, _s: uses.held_in_cart(c, "1001", "cart-1"),
    "uses.known_references": lambda c, s: uses.known_references(c, [s.use.reference]),
    "uses.live_uses_of": lambda c, _s: uses.live_uses_of(c, "mia"),
    "uses.moving_uses": lambda c, s: uses.moving_uses(c, s.held, NOW - timedelta(days=1)),
    "uses.overdue_holds": lambda c, _s: uses.overdue_holds(c, UNTIL),
    "uses.owned_ids": lambda c, s: uses.owned_ids(c, s.held, "redemption_id"),
    "uses.owned_redemptions": lambda c, _s: uses.owned_redemptions(c, ["159"]),
    "uses.sweepable_uses": lambda c, _s: uses.sweepable_uses(c, UNTIL),
    "uses.use_of_redemption": lambda c, _s: uses.use_of_redemption(c, "159"),
    "uses.uses_between": lambda c, _s: uses.uses_between(c, NOW - timedelta(days=1), UNTIL),
    "uses.uses_in_state": lambda c, _s: uses.uses_in_state(c, *UseState),
    "uses.uses_of_benefit": lambda c, _s: uses.uses_of_benefit(c, "mia", "7"),
    "uses.uses_of_customer": lambda c, _s: uses.uses_of_customer(c, "1001", states=UseState),
    "uses.uses_of_order": lambda c, _s: uses.uses_of_order(c, "A1"),
    "uses.uses_of_profile": lambda c, _s: uses.uses_of_profile(c, "mia"),
}
# What collides with nothing of shop one's, however equal its texts.
WRITES: dict[str, Call] = {
    "claims.add_claim": lambda c, _s: new_claim(c),
    "events.write_event": lambda c, _s: events.write_event(
        c, "order A1", WHY, from_state=None, to_state="x", version=1
    ),
    "key_values.set_value": lambda c, _s: key_values.set_value(c, "a name", "another", NOW),
    "outbox.put_delivery": lambda c, _s: outbox.put_delivery(c, sale("A1"), WHY, use_id=None, redemption_id="159"),
    "profile_ids.remember_profile": lambda c, _s: profile_ids.remember_profile(c, "1001", "another", UNTIL),
    "tombstones.add_tombstone": lambda c, _s: tombstones.add_tombstone(c, "shop-1", BURIED, NOW),
    "uses.add_use": lambda c, _s: new_use(c, cart_id="cart-1", benefit_id="8", redemption_id="159"),
}
# What a row of shop one does not let shop two do.
REFUSED: dict[str, Call] = {
    "claims.move_claim": lambda c, s: claims.move_claim(c, s.claim, ClaimState.REFUSED, WHY),
    "claims.touch_claim": lambda c, s: claims.touch_claim(c, s.claim, NOW, note="another"),
    "uses.move_use": lambda c, s: uses.move_use(c, s.held, UseState.RELEASED, WHY),
    "uses.touch_use": lambda c, s: uses.touch_use(c, s.held, NOW, note="another"),
}
MODULES = (claims, customer_version, events, key_values, outbox, profile_ids, pruning, tombstones, uses)


def functions_of(module: ModuleType) -> Iterator[str]:
    """The public functions of a module, bound methods of its table too, that take a connection."""
    for name, function in vars(module).items():
        if name.startswith("_") or not callable(function) or inspect.isclass(function):
            continue
        of_table = inspect.ismethod(function)
        if (of_table or function.__module__ == module.__name__) and "connection" in inspect.signature(
            function
        ).parameters:
            yield f"{module.__name__.rpartition('.')[2]}.{name}"


def test_every_function_of_the_ledger_is_in_these_tables() -> None:
    known = {*READS, *WRITES, *REFUSED}

    assert {name for module in MODULES for name in functions_of(module)} == known


@pytest.mark.parametrize("name", READS)
def test_rows_of_another_shop_are_not_read(shops: TwoShops, name: str) -> None:
    before = shops.rows_of_one()

    with shops.two.write() as connection:
        found = READS[name](connection, shops)

    assert not found
    assert shops.rows_of_one() == before
    with shops.one.write() as connection:
        READS[name](connection, shops)


@pytest.mark.parametrize("name", WRITES)
def test_rows_of_another_shop_are_not_in_the_way(shops: TwoShops, name: str) -> None:
    before = shops.rows_of_one()

    with shops.two.write() as connection:
        WRITES[name](connection, shops)

    assert shops.rows_of_one() == before


@pytest.mark.parametrize("name", REFUSED)
def test_rows_of_another_shop_are_not_changed(shops: TwoShops, name: str) -> None:
    before = shops.rows_of_one()

    with pytest.raises(ConflictError), shops.two.write() as connection:
        REFUSED[name](connection, shops)

    assert shops.rows_of_one() == before


def test_a_pages_version_is_made_of_this_shops_rows(shops: TwoShops) -> None:
    assert customer_version.read_customer_version(shops.two, "1001") is None

    with shops.two.write() as connection:
        profile_ids.remember_profile(connection, "1001", "mia", NOW)

    of_one = customer_version.read_customer_version(shops.one, "1001")
    of_two = customer_version.read_customer_version(shops.two, "1001")
    assert of_one
    assert of_two
    assert (of_one.has_uses, of_two.rows, of_two.writes) == (True, "0.0", "0.0")


def test_all_rows_of_two_shops_stand_beside_each_other_with_equal_texts(shops: TwoShops) -> None:
    with shops.two.write() as connection:
        fill(connection)

    with shops.two.read() as connection:
        assert [found.order_number for found in outbox.deliveries_in_state(connection, *DeliveryState)] == ["A1"]
        assert len(uses.uses_in_state(connection, *UseState)) == 2


def test_every_statement_names_the_shop(shops: TwoShops) -> None:
    """Reading an empty shop proves little about a condition that is never met: so the statements are looked at too."""
    statements: list[str] = []
    event.listen(shops.one.engine, "before_cursor_execute", lambda *seen: statements.append(str(seen[2])))

    for name, call in {**READS, **WRITES}.items():
        with shops.one.write() as connection:
            statements.clear()
            if name not in ("claims.add_claim", "uses.add_use"):  # they meet the rows that are there
                call(connection, shops)
            assert all("shop_id" in one for one in statements if "benefits_" in one), name
            connection.rollback()


def test_a_shop_is_stamped_once_however_many_open_it_at_the_same_time(shops: TwoShops) -> None:
    url = shops.one.engine.url.render_as_string(hide_password=False)
    ledgers = [Ledger(url, tenant="https://api.three.getomneo.com/api/v3") for _ in range(6)]

    found = at_once(6, lambda place: ledgers[place].shop)

    assert len(set(found)) == 1
    assert len({found[0].key, shops.one.shop.key, shops.two.shop.key}) == 3
    again = Ledger(url, tenant=ONE)
    assert again.shop == shops.one.shop
    for ledger in (*ledgers, again):
        ledger.close()


def test_a_connection_of_the_hosts_acts_for_no_shop_until_it_joins(shops: TwoShops) -> None:
    with shops.one.engine.connect() as connection:
        with pytest.raises(LookupError, match=r"Ledger\.read, write or join"):
            uses.find_use(connection, shops.use.use_id)

        shops.one.join(connection)
        assert uses.find_use(connection, shops.use.use_id)
        shops.two.join(connection)
        assert uses.find_use(connection, shops.use.use_id) is None
        assert shop_of(connection) == shops.two.shop.shop_id


def test_every_table_but_that_of_the_shops_says_whose_its_rows_are() -> None:
    without = [name for name, table in metadata.tables.items() if "shop_id" not in table.c]

    assert without == []
    assert all(not table.c.shop_id.nullable for table in metadata.tables.values())
