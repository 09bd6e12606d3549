"""Derive visits, kills and outages from a seed before anything starts."""
