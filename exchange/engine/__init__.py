"""The engine: settles deadlines, applies commands, and is saved and restored. Pure."""
