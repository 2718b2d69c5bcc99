"""The terminal as a page of a browser: who may come in, the server, a process for each tab."""
