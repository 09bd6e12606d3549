"""What a shopper holds and may claim, remembered: one snapshot per profile."""
