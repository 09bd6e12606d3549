"""A seed repeats the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from chaos.omneo import FAULTS, in_turn
from chaos.plan import BENEFITS, Approval, Errand, Plan, Story, make_plan
from chaos.scale import Scale, full, short

SPELLS = ((0.5, "outage", 8.0),)


def plan(seed: int, checkouts: int = 200) -> Plan:
    return make_plan(seed, checkouts, kills=12, spells=SPELLS)


def test_a_seed_repeats_who_does_what_and_who_is_killed() -> None:
    assert plan(7) == plan(7)
    assert plan(7) != plan(8)


def test_every_story_and_every_benefit_comes_up() -> None:
    visits = plan(7, 500).visits

    assert {visit.story for visit in visits} == set(Story)
    assert {visit.errand for visit in visits} == {*Errand, None}
    assert {visit.approval for visit in visits} == set(Approval)
    assert {visit.purchase.benefit for visit in visits} == {*BENEFITS, None}


def test_a_spell_begins_at_its_share_of_the_checkouts() -> None:
    (spell,) = plan(7).spells

    assert (spell.at, spell.kind, spell.seconds) == (100, "outage", 8.0)


def test_kills_take_turns_so_that_a_few_reach_shop_and_workers() -> None:
    victims = Counter(kill.role for kill in plan(7).kills[:3])

    assert victims == {"gunicorn worker": 2, "delivery": 1}


def test_faults_asked_one_after_the_other_come_as_often_as_they_should() -> None:
    asked = in_turn(FAULTS)

    assert [round(share, 6) for _, share in FAULTS] == [round(share, 6) for share in _shares(asked)]


@pytest.mark.parametrize("scale", [full(2000), short(40)])
def test_what_the_plugin_waits_for_outlasts_every_zombie(scale: Scale) -> None:
    oldest = max(scale.zombies)

    assert scale.settle > oldest
    assert scale.timing["verify_after"] > oldest


def _shares(asked: Sequence[tuple[dict[str, Any], float]]) -> list[float]:
    left, shares = 1.0, []
    for _, probability in asked:
        shares.append(left * probability)
        left *= 1 - probability
    return shares
