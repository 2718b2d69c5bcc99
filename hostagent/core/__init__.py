"""The agent's decisions, without access to the machine. Pure."""
