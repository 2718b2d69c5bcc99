"""The simulator: replays workload peaks against the same cores in virtual time."""
