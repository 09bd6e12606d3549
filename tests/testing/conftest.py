"""The fixtures by name, so that these tests run from a checkout too, where nothing announces the plugin."""

from claimable_benefits.testing import omneo_clock, omneo_faults, omneo_sandbox, omneo_server

__all__ = ["omneo_clock", "omneo_faults", "omneo_sandbox", "omneo_server"]
