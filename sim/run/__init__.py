"""One run of a scenario: its world, opening, faults and end."""
