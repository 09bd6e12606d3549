"""Send shoppers through the shop over HTTP."""
