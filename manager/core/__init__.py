"""The Manager's decisions: rules, bursts, purchases, rented units. Pure."""
