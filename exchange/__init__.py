"""The Marketplace: order books, leases, money and the status of every host."""
