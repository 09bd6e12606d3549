"""What a sandbox remembers: store, clock, switches, faults, calls."""
