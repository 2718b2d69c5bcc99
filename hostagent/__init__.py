"""The Host agent: advertises a server, runs leased VMs on it and meters them."""
