"""The log of every program: lines, how many, where they go. Shell, but for line and rate."""
