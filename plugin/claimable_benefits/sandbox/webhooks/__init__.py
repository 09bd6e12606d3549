"""Webhooks: subscriptions, events, and the sender."""
