from __future__ import annotations

from collections.abc import Iterator

import pytest

from claimable_benefits.sandbox.state.request_state import sandbox
from tests.sandbox.client import SandboxClient


@pytest.fixture(scope="session")
def shared_api() -> Iterator[SandboxClient]:
    """One app for all tests, since compiling its paths takes longer than most tests do."""
    made = SandboxClient()
    yield made
    sandbox(made.app).store.close()


@pytest.fixture
def api(shared_api: SandboxClient) -> SandboxClient:
    """An empty sandbox with every switch and the clock at their start."""
    shared_api.renew("empty")
    return shared_api


@pytest.fixture
def demo(shared_api: SandboxClient) -> SandboxClient:
    """A sandbox with the demo's people, every switch and the clock at their start."""
    shared_api.renew("demo")
    return shared_api
