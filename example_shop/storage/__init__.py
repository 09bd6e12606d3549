"""The shop's database and its tables."""
