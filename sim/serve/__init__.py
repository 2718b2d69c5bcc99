"""A scenario's world behind the real WebSocket server: watched, traded in, paced by hand."""
