"""``python -m benchmarks.report`` writes the figures into README.md and docs/performance.md."""
