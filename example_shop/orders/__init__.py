"""What a customer has ordered, and what they may return of it."""
