"""Doors: processes that hold the clients' sockets, and the writer's side of the bus. Shell."""
