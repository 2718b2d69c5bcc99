"""The terminal in a real terminal: `headroom tui` under tmux, on an exchange that really runs."""
