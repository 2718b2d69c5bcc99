"""The state of a connection, without its socket: login, limits, outbox, liveness. Pure."""
