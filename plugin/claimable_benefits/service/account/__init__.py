"""What the account pages show, and when it is out of date."""
