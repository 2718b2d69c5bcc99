"""The terminal as a page: who may come in, and the server without a browser."""
