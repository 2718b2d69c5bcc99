"""Orders: checks, money and slots set aside, matching, cancels, windows. Pure."""
