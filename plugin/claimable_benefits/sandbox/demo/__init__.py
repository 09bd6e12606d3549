"""Demo data: people, definitions and the seed."""
