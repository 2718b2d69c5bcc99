"""What the Manager decides: rules, bursts, purchases, rented units. Pure."""
