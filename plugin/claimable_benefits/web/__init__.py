"""The faces a shopper sees: account pages, the checkout panel, an order's loyalty record. No rules, no SQL, no HTTP."""
