"""The console: pages that show and change the state of the sandbox."""
