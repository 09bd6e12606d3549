"""``flask benefits …``: what merchants and staff do at a terminal. Every command calls a verb and prints."""
