"""Leases, their charges and VMs, and images. Pure."""
