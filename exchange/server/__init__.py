"""The process that listens: sockets, pump, pages, metrics. Shell."""
