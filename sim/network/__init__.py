"""The exchange and its wire in virtual time."""
