"""Who acts in a scenario: farm, sellers, traders."""
