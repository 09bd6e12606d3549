"""Checkouts while everything fails, then an audit; and the mutants."""
