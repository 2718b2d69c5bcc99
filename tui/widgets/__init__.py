"""Widgets that draw the rows `tui.view` makes, touching only what changed."""
