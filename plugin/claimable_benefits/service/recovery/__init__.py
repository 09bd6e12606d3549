"""Resolve what is in doubt."""
