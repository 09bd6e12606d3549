"""The measurements, one a module; each has ``measure(folder, scale)``."""
