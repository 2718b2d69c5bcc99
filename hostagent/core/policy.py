"""What the owner of a server allows each guest on it. Pure."""

import zlib
from ipaddress import IPv4Address

from msgspec import Struct

from exchange.wire.types import Outbound
from hostagent.core.rates import Rates

FIRST_GID = 70_000
GIDS = 20_000
"""Debian gives these group ids to nobody, neither by itself nor to containers."""
HOST_SEEN_BY_GUEST = "10.0.2.2"
"""Where a guest of QEMU's user network finds the loopback address of its host."""


class Proxy(Struct, frozen=True):
    """The one place that guests may connect to, by TCP."""

    address: IPv4Address
    port: int

    def seen_by_guest(self) -> str:
        """Return ADDRESS:PORT as a guest must write it."""
        address = HOST_SEEN_BY_GUEST if self.address.is_loopback else self.address
        return f"{address}:{self.port}"


class Policy(Struct, frozen=True):
    """The same for all guests that an agent starts.

    ``gid`` is the group of their QEMU where they may call out; the server's firewall tells their
    connections by it. ``proxy`` belongs to an ``outbound`` of that name.
    """

    rates: Rates = Rates()
    outbound: Outbound = "none"
    proxy: Proxy | None = None
    gid: int = FIRST_GID

    @property
    def calls_out(self) -> bool:
        return self.outbound != "none"


UNLIMITED = Policy(Rates(0, 0))


def gid_of(state: str) -> int:
    """Return the group id for the guests of the agent whose ``--state`` is the path ``state``.

    Each agent has its own, since each may allow something else.
    """
    return FIRST_GID + zlib.crc32(state.encode()) % GIDS
