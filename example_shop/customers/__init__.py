"""Who shops, and how they write amounts and dates."""
