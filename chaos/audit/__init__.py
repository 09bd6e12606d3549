"""Compare the final records of shop, ledger, Omneo and payment provider."""
