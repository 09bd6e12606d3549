"""The same seed gives the same plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pytest

from chaos.faults.omneo_faults import FAULTS, conditional_probabilities
from chaos.plan.parameters import Parameters, full_run, short_run
from chaos.plan.plan import BENEFITS, AccountAction, Approval, Plan, Scenario, make_plan
from chaos.processes.shop_app import shortened
from claimable_benefits.service.context import Timing

OUTAGES = ((0.5, "connection refused", 8.0),)


def plan(seed: int, checkouts: int = 200) -> Plan:
    return make_plan(seed, checkouts, kills=12, outages=OUTAGES)


def test_a_seed_repeats_its_visits_and_kills() -> None:
    assert plan(7) == plan(7)
    assert plan(7) != plan(8)


def test_a_plan_has_every_scenario_and_every_benefit() -> None:
    visits = plan(7, 500).visits

    assert {visit.scenario for visit in visits} == set(Scenario)
    assert {visit.account_action for visit in visits} == {*AccountAction, None}
    assert {visit.approval for visit in visits} == set(Approval)
    assert {visit.purchase.benefit for visit in visits} == {*BENEFITS, None}


def test_an_outage_begins_at_its_share_of_the_checkouts() -> None:
    (outage,) = plan(7).outages

    assert (outage.at, outage.kind, outage.seconds) == (100, "connection refused", 8.0)


def test_amnesia_falls_between_a_copy_and_a_quiet_moment_that_the_seed_draws() -> None:
    with_it = [make_plan(seed, 40, kills=4, outages=(), amnesia=True).amnesia for seed in range(20)]

    assert plan(7).amnesia is None
    assert all(one is not None and 0 <= one.copied_at < one.restored_at < 40 for one in with_it)
    assert len(set(with_it)) > 1


def test_kills_take_turns_so_that_a_few_reach_shop_and_workers() -> None:
    victims = Counter(kill.role for kill in plan(7).kills[:3])

    assert victims == {"gunicorn worker": 2, "delivery": 1}


def test_faults_tried_one_after_the_other_fire_at_their_shares() -> None:
    tried = conditional_probabilities(FAULTS)

    assert [round(share, 6) for _, share in FAULTS] == [round(share, 6) for share in _shares(tried)]


@pytest.mark.parametrize("parameters", [full_run(2000), short_run(40)])
def test_the_plugin_waits_longer_than_the_longest_request_delay(parameters: Parameters) -> None:
    longest = max(parameters.request_delays)

    assert parameters.resolve_after > longest
    assert parameters.timing["verify_after"] > longest


@pytest.mark.parametrize("parameters", [full_run(2000), short_run(40)])
def test_every_duration_of_a_run_is_one_of_the_plugins_timing(parameters: Parameters) -> None:
    usual = Timing()
    timing = shortened(usual, dict(parameters.timing))

    assert timing.lease == timedelta(seconds=parameters.timing["lease"])
    assert [type(value) for value in asdict(timing).values()] == [type(value) for value in asdict(usual).values()]
    assert len(timing.sweep_gaps) == len(parameters.timing["sweep_gaps"])


def test_an_unknown_duration_is_refused() -> None:
    with pytest.raises(AttributeError, match="between_looks"):
        shortened(Timing(), {"between_looks": 1})


def _shares(tried: Sequence[tuple[dict[str, Any], float]]) -> list[float]:
    left, shares = 1.0, []
    for _, probability in tried:
        shares.append(left * probability)
        left *= 1 - probability
    return shares
