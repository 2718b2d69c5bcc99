"""What the administrator's own servers sell: groups, prices, hours, asks. Pure."""
