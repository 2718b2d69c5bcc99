"""The nouns of the state: account, book, ledger, capacity, lease, timers. Pure."""
