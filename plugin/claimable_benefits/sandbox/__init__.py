"""A double of Omneo's loyalty API that enforces its rules, for development and tests.

It imports nothing from the rest of the package, so that a misreading of the API cannot cancel itself out.
"""

from claimable_benefits.sandbox.app import create_sandbox
from claimable_benefits.sandbox.running import RunningSandbox, serve_sandbox
from claimable_benefits.sandbox.state.switches import SWITCHES, Switch

__all__ = ["SWITCHES", "RunningSandbox", "Switch", "create_sandbox", "serve_sandbox"]
