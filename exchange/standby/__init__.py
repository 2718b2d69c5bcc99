"""A second process that holds a warm copy of an exchange and goes on when the first ends."""
