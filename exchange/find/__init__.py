"""What somebody needs, read from a line of words, and who offers it. Pure."""
