"""The console: pages that show the state of the sandbox."""
