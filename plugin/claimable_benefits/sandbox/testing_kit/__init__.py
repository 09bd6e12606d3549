"""What tests use to fill and control a sandbox."""
