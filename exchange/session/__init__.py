"""One connection and its budgets, without a socket: login, limits, outbox, liveness. Pure."""
