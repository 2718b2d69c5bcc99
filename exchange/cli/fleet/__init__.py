"""The owner's commands for many hosts at once: list, approve, drain, offer, recall, token."""
