"""The numbered links between the doors and the writer: what they say, and in which order. Pure."""
