"""Limits per network address: connects, failed logins, frames before login, applications. Pure.

The account's own limits cannot help against those who have no account. An IPv6 network of 64 bits
counts as one address, since one machine can use all of it. Loopback is the operator's own machine,
and the address of a proxy in front of the exchange: for it only failed logins and applications are
counted.
"""

from ipaddress import IPv6Address, ip_address
from typing import Final

from msgspec import Struct

from exchange.bucket import Bucket
from exchange.units import MS_PER_MINUTE

ADDRESSES_MAX: Final = 10_000
"""Addresses remembered; beyond it those without a connection are forgotten, oldest first."""
APPLY_EVERY_MS: Final = MS_PER_MINUTE
"""An address may apply for an account once in this time."""
ENROLLMENTS_PER_S: Final = 200
ENROLLMENTS_SAVED_S: Final = 30
"""Generous, since many hosts behind one address may enroll at once."""
LOOPBACK: Final = "loopback"
_NETWORK_BITS: Final = 64


class Allowance(Struct, frozen=True):
    """Rates per second, and how many seconds' worth may be saved up; a rate of 0 is unlimited."""

    connects_per_s: int
    failures_per_s: int
    frames_per_s: int
    open_max: int
    saved_s: int = 10


REMOTE: Final = Allowance(connects_per_s=50, failures_per_s=2, frames_per_s=200, open_max=1_000)
LOCAL: Final = Allowance(connects_per_s=0, failures_per_s=100, frames_per_s=0, open_max=0)


class _Address:
    """One address: its buckets and its open connections."""

    __slots__ = (
        "allowance",
        "apply_from_ms",
        "connects",
        "enrollments",
        "failures",
        "frames",
        "open",
    )

    def __init__(self, allowance: Allowance, now_ms: int) -> None:
        self.allowance = allowance
        self.connects = Bucket(now_ms, allowance.connects_per_s, allowance.saved_s)
        self.failures = Bucket(now_ms, allowance.failures_per_s, allowance.saved_s)
        self.frames = Bucket(now_ms, allowance.frames_per_s, allowance.saved_s)
        self.enrollments = Bucket(now_ms, ENROLLMENTS_PER_S, ENROLLMENTS_SAVED_S)
        self.open = 0
        self.apply_from_ms = 0


class Addresses:
    """All addresses seen recently. Every method takes the peer's address as text."""

    def __init__(self) -> None:
        self._known: dict[str, _Address] = {}

    def admit(self, peer: str, now_ms: int) -> int:
        """Count an attempt to connect; returns 0 to allow it, else in how many ms to try again."""
        address = self._of(peer, now_ms)
        allowance = address.allowance
        if allowance.open_max and address.open >= allowance.open_max:
            return allowance.saved_s * 1000
        return address.connects.take(now_ms, allowance.connects_per_s)

    def opened(self, peer: str, now_ms: int) -> None:
        self._of(peer, now_ms).open += 1

    def closed(self, peer: str, now_ms: int) -> None:
        address = self._of(peer, now_ms)
        address.open = max(0, address.open - 1)

    def blocked_ms(self, peer: str, now_ms: int) -> int:
        """Return how long the address must wait before its next login is checked."""
        address = self._of(peer, now_ms)
        return address.failures.wait_ms(now_ms, address.allowance.failures_per_s)

    def failed(self, peer: str, now_ms: int) -> None:
        """A login or an enrollment was refused."""
        address = self._of(peer, now_ms)
        address.failures.take(now_ms, address.allowance.failures_per_s)

    def frame(self, peer: str, now_ms: int) -> int:
        """Count a frame before login; returns 0 to allow it, else in how many ms to try again."""
        address = self._of(peer, now_ms)
        return address.frames.take(now_ms, address.allowance.frames_per_s)

    def apply(self, peer: str, now_ms: int) -> int:
        """Count an application for an account; returns 0 to allow it, else in how many ms to try
        again."""
        address = self._of(peer, now_ms)
        wait_ms = max(0, address.apply_from_ms - now_ms)
        if not wait_ms:
            address.apply_from_ms = now_ms + APPLY_EVERY_MS
        return wait_ms

    def enroll(self, peer: str, now_ms: int) -> int:
        """Count an enrollment; returns 0 to allow it, else in how many ms to try again."""
        return self._of(peer, now_ms).enrollments.take(now_ms, ENROLLMENTS_PER_S)

    def _of(self, peer: str, now_ms: int) -> _Address:
        name = network(peer)
        known = self._known.get(name)
        if known is None:
            if len(self._known) >= ADDRESSES_MAX:
                self._forget()
            known = _Address(LOCAL if name == LOOPBACK else REMOTE, now_ms)
            self._known[name] = known
        return known

    def _forget(self) -> None:
        """Forget the older half of the addresses without a connection."""
        idle = [name for name, address in self._known.items() if not address.open]
        for name in idle[: max(1, len(idle) // 2)]:
            del self._known[name]


def network(peer: str) -> str:
    """Return what counts as one address: `LOOPBACK`, the IPv4 address, the IPv6 network, or
    ``peer`` itself when it is not an address (in a simulation)."""
    try:
        address = ip_address(peer.partition("%")[0])
    except ValueError:
        return LOOPBACK
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return network(str(address.ipv4_mapped))
        if not address.is_loopback:
            return f"{int(address) >> _NETWORK_BITS:x}::/{_NETWORK_BITS}"
    return LOOPBACK if address.is_loopback else str(address)
