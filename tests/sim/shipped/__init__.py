"""The shipped scenarios: each loads and runs, and comes out the same however it is run."""
