"""The verbs, one per module. They own the database transactions, and call Omneo outside them."""
