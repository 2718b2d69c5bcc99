"""The simulator's tests; `scenes` has small scenarios to run."""
