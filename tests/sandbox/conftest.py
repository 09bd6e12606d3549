from __future__ import annotations

from collections.abc import Iterator

import pytest

from claimable_benefits.sandbox.state.request_state import sandbox
from tests.sandbox.world import World


@pytest.fixture(scope="session")
def shared_world() -> Iterator[World]:
    """One app for all tests, since compiling its paths takes longer than most tests do."""
    made = World()
    yield made
    sandbox(made.app).store.close()


@pytest.fixture
def world(shared_world: World) -> World:
    """An empty sandbox with every switch and the clock at their start."""
    shared_world.renew("empty")
    return shared_world


@pytest.fixture
def demo(shared_world: World) -> World:
    """A sandbox with the demo's people, every switch and the clock at their start."""
    shared_world.renew("demo")
    return shared_world
