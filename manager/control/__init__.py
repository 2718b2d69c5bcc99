"""The control socket's messages: requests, what is shown, what changed. Pure."""
