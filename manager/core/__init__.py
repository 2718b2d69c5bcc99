"""What the Manager decides: rules, bursts, purchases, the fleet. Pure."""
