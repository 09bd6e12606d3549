"""``flask benefits …``: what a merchant and staff do at a terminal."""
