"""Claim a benefit, and claim and redeem in one step."""
