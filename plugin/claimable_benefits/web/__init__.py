"""The pages that a shopper sees: account, checkout panel, an order's loyalty record. No rules, no SQL, no HTTP."""
