"""What a shopper is about to buy: the cart, its delivery, and its price."""
