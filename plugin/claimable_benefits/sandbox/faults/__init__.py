"""What the sandbox does wrong on purpose."""
