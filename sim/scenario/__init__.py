"""A scenario file: its tables, checks, load and policies."""
