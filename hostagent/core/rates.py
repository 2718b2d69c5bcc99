"""How fast a guest may read and write its disk and be talked to. Pure.

A class gets its share by its CPU, so that no guest takes the disk or the line from the others and
from the owner's own work.
"""

from msgspec import Struct

from exchange.units import MIB

DISK_MIB_S = 100
NET_MIB_S = 25
MIB_S_MAX = 1_000_000
"""QEMU starts no VM whose disk may do more than 10^15 bytes a second: this for 900 vCPUs."""
BURST_S = 0.1
"""How long a guest that was quiet may go faster."""


class Rates(Struct, frozen=True):
    """What each vCPU of a class allows, in MiB/s; 0 is no limit. ``net`` counts each direction."""

    disk_mib_s: int = DISK_MIB_S
    net_mib_s: int = NET_MIB_S

    def disk_bytes_s(self, mvcpu: int) -> int:
        """Return what a VM of ``mvcpu`` may read and write together; 0 is no limit."""
        return self.disk_mib_s * MIB * mvcpu // 1000

    def net_bytes_s(self, mvcpu: int) -> int:
        """Return what may be sent to a VM of ``mvcpu``, and from it; 0 is no limit."""
        return self.net_mib_s * MIB * mvcpu // 1000


class Bucket:
    """A token bucket that lends: bytes pass at once, and their sender waits until they are paid.

    Several senders may share one; each waits for what was passed before it too.
    """

    def __init__(self, bytes_s: int) -> None:
        self._bytes_s = bytes_s
        self._paid_at_s = 0.0

    def wait_s(self, passed: int, now_s: float) -> float:
        """Return how long whoever passed ``passed`` bytes at ``now_s`` waits before the next."""
        if not self._bytes_s:
            return 0.0
        start_s = max(self._paid_at_s, now_s - BURST_S)
        self._paid_at_s = start_s + passed / self._bytes_s
        return max(0.0, self._paid_at_s - now_s)
