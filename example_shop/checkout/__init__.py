"""What a customer is about to buy: the cart, its delivery, and its price."""
