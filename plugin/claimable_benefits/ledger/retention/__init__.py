"""Prune old rows, and the tombstones that stay of them."""
