"""What a test builds and controls."""
