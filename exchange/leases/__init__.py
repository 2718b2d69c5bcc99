"""What follows a trade: leases, their bills, the VMs on them, images. Pure."""
