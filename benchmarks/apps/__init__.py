"""The applications that are measured, and the page that all of them render."""
