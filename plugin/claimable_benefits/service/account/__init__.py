"""What the account pages show, and how it is invalidated."""
