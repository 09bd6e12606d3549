"""Benefits applied to a cart: offers, holds and the slots they take."""
