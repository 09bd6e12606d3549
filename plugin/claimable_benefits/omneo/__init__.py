"""Omneo over HTTP: one client, two dialects, and errors that say what is known of every call."""

from claimable_benefits.omneo._http import Timeouts, Transport
from claimable_benefits.omneo.client import OmneoClient

__all__ = ["OmneoClient", "Timeouts", "Transport"]
