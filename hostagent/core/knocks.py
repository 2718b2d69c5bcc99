"""When to connect to a guest that may not serve yet, to find out whether it does. Pure.

QEMU keeps a connection that the guest has not answered for 75 s, also when its caller is gone, and
asks the guest again 6 s after the first time and then every 12 s. A guest that boots slowly would
find more dead callers than its queue holds, and they would be served before its first visitor. So
the pauses grow: later, the repeated questions of the last few connections are enough.
"""

from typing import Final

from msgspec import Struct

SHORTEST_S: Final = 0.5
LONGEST_S: Final = 10.0
"""Not the 12 s of QEMU, so that the questions of several connections fall between each other."""
GROWS: Final = 3
"""A pause is this part of the time waited so far."""


class Knocks(Struct):
    """One wait for one guest. Times in seconds of one monotonic clock."""

    begun_s: float
    next_s: float = 0.0

    def due(self, now_s: float) -> bool:
        """Tell whether to connect now; if so, it counts as done."""
        if now_s < self.next_s:
            return False
        waited_s = now_s - self.begun_s
        self.next_s = now_s + min(max(SHORTEST_S, waited_s / GROWS), LONGEST_S)
        return True
