"""The terminal (and browser) user interface for traders and administrators."""
