from __future__ import annotations

from collections.abc import Iterator

import pytest

from claimable_benefits.sandbox.scene import sandbox
from tests.sandbox.world import World


@pytest.fixture
def world() -> Iterator[World]:
    """An empty sandbox."""
    made = World()
    yield made
    sandbox(made.app).store.close()


@pytest.fixture
def demo() -> Iterator[World]:
    """A sandbox with the demo's people."""
    made = World(seed="demo")
    yield made
    sandbox(made.app).store.close()
