"""Rows of the journal, their chain, and their replay. Pure."""
