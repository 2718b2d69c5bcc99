"""The demo and the pictures of the docs: the terminal with a market of its own."""
