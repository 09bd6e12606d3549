"""One redemption: intent, call, outcome, rollback."""
