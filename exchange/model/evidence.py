"""A host's delivery record: public facts with their sample counts, never a score.

Source: rules.md 8.1. Boot times are kept for the last `BOOTS_KEPT` boots.
"""

from msgspec import Struct, field

from exchange.units import MAX_INT, MS_PER_SECOND
from exchange.wire.types import EvidenceView

BOOTS_KEPT = 100
TOTAL_MAX_MS = MAX_INT * MS_PER_SECOND
"""Unit-time of a host that is counted: more seconds would not fit the wire."""


class Evidence(Struct):
    """Running totals of one host; unit-time in milliseconds."""

    contracted_ms: int = 0
    """Unit-time of leases that have ended."""
    delivered_ms: int = 0
    """The part of it that was not lost to silence or to waiting for a launch."""
    leases: int = 0
    boots: int = 0
    boot_ms: list[int] = field(default_factory=list)
    """Launch to guest-ready of the last boots."""
    recalls: int = 0
    losses: int = 0
    launch_failures: int = 0
    not_ready: int = 0
    not_ready_buyers: list[str] = field(default_factory=list)
    """The distinct buyers whose guests never got ready."""

    def over(self, contracted_ms: int, delivered_ms: int) -> None:
        """A lease ended. When its time would overflow a total, it is added to neither, so that
        delivered and sold time still match."""
        self.leases += 1
        if self.contracted_ms + contracted_ms <= TOTAL_MAX_MS:
            self.contracted_ms += contracted_ms
            self.delivered_ms += delivered_ms

    def booted(self, took_ms: int) -> None:
        """A guest got ready ``took_ms`` after its launch."""
        self.boots += 1
        self.boot_ms.append(took_ms)
        del self.boot_ms[:-BOOTS_KEPT]

    def never_ready(self, buyer: str) -> None:
        """A guest of ``buyer`` never got ready."""
        self.not_ready += 1
        if buyer not in self.not_ready_buyers:
            self.not_ready_buyers.append(buyer)


def view(parts: list[Evidence]) -> EvidenceView:
    """Return the sum of ``parts``."""
    boot_ms = sorted(took_ms for part in parts for took_ms in part.boot_ms)
    buyers = dict.fromkeys(buyer for part in parts for buyer in part.not_ready_buyers)
    return EvidenceView(
        seconds(sum(part.contracted_ms for part in parts)),
        seconds(sum(part.delivered_ms for part in parts)),
        sum(part.leases for part in parts),
        sum(part.boots for part in parts),
        _percentile(boot_ms, 50),
        _percentile(boot_ms, 95),
        sum(part.recalls for part in parts),
        sum(part.losses for part in parts),
        sum(part.launch_failures for part in parts),
        sum(part.not_ready for part in parts),
        len(buyers),
    )


def seconds(total_ms: int) -> int:
    """Return unit-time in whole seconds, as the wire can hold it."""
    return min(total_ms // MS_PER_SECOND, MAX_INT)


def _percentile(ordered: list[int], percent: int) -> int | None:
    """Return the nearest-rank percentile, None without samples."""
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]
