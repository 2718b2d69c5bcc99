"""The command line of the simulator: a file a command."""
