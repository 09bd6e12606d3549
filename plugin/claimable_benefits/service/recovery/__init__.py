"""Resolve uses and claims that are in doubt, and sweep for late ones."""
