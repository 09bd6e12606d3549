"""The shop's payment provider, as far as an example needs one: a service of its own, and the client that calls it."""
