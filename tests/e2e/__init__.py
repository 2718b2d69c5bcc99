"""Whole chains with real VMs, compilers and packages: `make e2e` installs what they need."""
