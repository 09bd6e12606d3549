"""Start the shop, its payment provider and an Omneo sandbox in one process."""
