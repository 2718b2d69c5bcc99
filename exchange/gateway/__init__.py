"""Requests in, commands to the engine, answers and frames out. Pure."""
