"""What a shopper holds and may claim, cached: one snapshot per profile."""
