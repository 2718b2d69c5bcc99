"""Which policy pays: points that are compared, the front, the winner, the break-even price."""
