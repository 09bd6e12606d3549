"""Deliver transactions from the outbox to Omneo, and read them back."""
