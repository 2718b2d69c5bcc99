"""The exchange's command lines, one module per group of commands. Shell."""
