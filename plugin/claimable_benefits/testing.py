"""Fixtures for a merchant's tests: an Omneo sandbox on a local socket, its clock and its faults.

pytest loads this module at each start, even where no test takes a fixture, so each fixture imports what it needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from claimable_benefits.sandbox.testing_kit.builders import OmneoSandbox, ShopperBuilder
    from claimable_benefits.sandbox.testing_kit.controls import OmneoClock, OmneoFaults

__all__ = ["OmneoClock", "OmneoFaults", "OmneoSandbox", "ShopperBuilder"]

_MODULES = {
    "OmneoClock": "controls",
    "OmneoFaults": "controls",
    "OmneoSandbox": "builders",
    "ShopperBuilder": "builders",
}
_REMEDY = 'The fixtures of Omneo need its sandbox: pip install "flask-claimable-benefits[sandbox]" and run again.'


def __getattr__(name: str) -> Any:
    """Import a fixture's type on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"claimable_benefits.sandbox.testing_kit.{_MODULES[name]}"), name)


@pytest.fixture(scope="session")
def omneo_server() -> Iterator[OmneoSandbox]:
    """The sandbox of the whole test run; a test takes `omneo_sandbox`, which empties it."""
    try:
        from claimable_benefits.sandbox import create_sandbox, serve_sandbox
        from claimable_benefits.sandbox.testing_kit.builders import OmneoSandbox as Sandbox

        app = create_sandbox()
    except ImportError as error:
        pytest.fail(f"{error} {_REMEDY}", pytrace=False)
    with serve_sandbox(app) as running:
        sandbox = Sandbox(running)
        yield sandbox
    sandbox.close()


@pytest.fixture
def omneo_sandbox(omneo_server: OmneoSandbox) -> OmneoSandbox:
    """An Omneo on a real socket of this machine, empty at the start of each test."""
    omneo_server.clean()
    return omneo_server


@pytest.fixture
def omneo_clock(omneo_sandbox: OmneoSandbox) -> OmneoClock:
    """The sandbox's clock: stop it, move it, let it run."""
    from claimable_benefits.sandbox.testing_kit.controls import OmneoClock as Clock

    return Clock(omneo_sandbox)


@pytest.fixture
def omneo_faults(omneo_sandbox: OmneoSandbox) -> OmneoFaults:
    """The sandbox's faults; none is set at the start of each test."""
    from claimable_benefits.sandbox.testing_kit.controls import OmneoFaults as Faults

    return Faults(omneo_sandbox)
