"""The shop's order and its transaction."""
