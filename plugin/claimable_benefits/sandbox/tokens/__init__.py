"""API tokens, Omneo ID tokens, scopes."""
