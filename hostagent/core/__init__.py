"""What the agent decides, without touching the machine. Pure."""
