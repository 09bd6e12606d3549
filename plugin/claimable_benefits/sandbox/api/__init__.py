"""One module per resource of Omneo's API."""
