"""Fennel & Tide: a small shop that mounts Flask-Claimable-Benefits the way a merchant would."""

from example_shop.app import create_app

__all__ = ["create_app"]
