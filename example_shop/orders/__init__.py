"""What a shopper has ordered, and what they may return of it."""
