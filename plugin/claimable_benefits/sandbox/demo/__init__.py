"""The demo's people, definitions and seed."""
