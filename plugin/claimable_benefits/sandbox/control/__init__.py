"""The double's own API under ``/_sandbox``."""
