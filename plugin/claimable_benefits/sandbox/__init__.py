"""An Omneo of our own: a double of the loyalty API that keeps its rules, for development and tests.

It imports nothing from the rest of the package, so that a misreading of the API cannot cancel itself out.
"""

from .app import create_sandbox
from .serving import RunningSandbox, serve_sandbox
from .switches import SWITCHES, Switch

__all__ = ["SWITCHES", "RunningSandbox", "Switch", "create_sandbox", "serve_sandbox"]
