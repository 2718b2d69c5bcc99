"""The terminal's tests; `market` builds the frames that the views show."""
