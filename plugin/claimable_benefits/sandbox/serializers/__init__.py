"""What each resource looks like on the wire."""
