"""The state of the sandbox: store, clock, switches, faults, calls."""
