"""Fixtures for a merchant's tests: an Omneo that runs beside them, its clock and its faults.

pytest loads this module at each start, in projects too that never ask for a fixture: so nothing is imported before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from claimable_benefits.sandbox.testing_kit.builders import OmneoSandbox, ShopperBuilder
    from claimable_benefits.sandbox.testing_kit.controls import OmneoClock, OmneoFaults

__all__ = ["OmneoClock", "OmneoFaults", "OmneoSandbox", "ShopperBuilder"]

_HOMES = {"OmneoClock": "controls", "OmneoFaults": "controls", "OmneoSandbox": "builders", "ShopperBuilder": "builders"}
_REMEDY = 'The fixtures of Omneo need its sandbox: pip install "flask-claimable-benefits[sandbox]" and run again.'


def __getattr__(name: str) -> Any:
    """Import the fixtures' types when somebody names them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"claimable_benefits.sandbox.testing_kit.{_HOMES[name]}"), name)


@pytest.fixture(scope="session")
def omneo_server() -> Iterator[OmneoSandbox]:
    """The one sandbox of a test run; tests take `omneo_sandbox`, which is this one, clean."""
    try:
        from claimable_benefits.sandbox import create_sandbox, serve_sandbox
        from claimable_benefits.sandbox.testing_kit.builders import OmneoSandbox as Stage

        app = create_sandbox()
    except ImportError as error:
        pytest.fail(f"{error} {_REMEDY}", pytrace=False)
    with serve_sandbox(app) as running:
        stage = Stage(running)
        yield stage
    stage.close()


@pytest.fixture
def omneo_sandbox(omneo_server: OmneoSandbox) -> OmneoSandbox:
    """An Omneo on a real socket of this machine, empty at the start of each test."""
    omneo_server.clean()
    return omneo_server


@pytest.fixture
def omneo_clock(omneo_sandbox: OmneoSandbox) -> OmneoClock:
    """The sandbox's clock: to stop, to move and to let run."""
    from claimable_benefits.sandbox.testing_kit.controls import OmneoClock as Clock

    return Clock(omneo_sandbox)


@pytest.fixture
def omneo_faults(omneo_sandbox: OmneoSandbox) -> OmneoFaults:
    """The sandbox's dial for faults, at rest at the start of each test."""
    from claimable_benefits.sandbox.testing_kit.controls import OmneoFaults as Faults

    return Faults(omneo_sandbox)
