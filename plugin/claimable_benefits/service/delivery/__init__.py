"""From the outbox to Omneo."""
