"""Loyalty benefits from Omneo in a Flask shop."""
