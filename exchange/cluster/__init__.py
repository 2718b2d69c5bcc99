"""PostgreSQL nodes and a NATS server on this machine, for trying a cluster and for tests."""
