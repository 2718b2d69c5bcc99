"""Units that may have failed before this Manager began: what their charges tell of them. Pure.

The exchange does not keep why a unit was given back. But what serves seldom goes before its
minimum is over, and what did not get healthy goes between the end of its probes and then. So a
lease of the last hour that lived for such a time, after which none of the same symbol lived longer,
is taken for a failure. A VM that failed twice within two minutes is not told from a short burst.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from exchange.units import MS_PER_MINUTE
from exchange.wire.frames import LeaseUpdate
from exchange.wire.terms import MINIMUM_SPOT_MS
from manager.core.messages import PastCharge

PROBED_MS: Final = 2 * MS_PER_MINUTE
"""A server that is not healthy by then is given back."""


class Failure(NamedTuple):
    """A lease that did not serve, it seems. Times are the exchange's."""

    symbol: str
    host: str
    began_ms: int
    ended_ms: int


def failures(
    rows: Iterable[PastCharge], leases: Sequence[LeaseUpdate], since_ms: int, now_ms: int
) -> list[Failure]:
    """Return those that ended since then, the first first; ``leases``: those that live."""
    lived: dict[str, Failure] = {}
    for row in rows:
        known = lived.get(row.lease_id)
        began_ms = row.from_ms if known is None else min(known.began_ms, row.from_ms)
        ended_ms = row.to_ms if known is None else max(known.ended_ms, row.to_ms)
        lived[row.lease_id] = Failure(row.symbol, row.host, began_ms, ended_ms)
    for lease in leases:
        lived[lease.lease_id] = Failure(lease.symbol, lease.host, lease.start_ms, now_ms)
    served_ms: dict[str, int] = {}
    for one in lived.values():
        if one.ended_ms - one.began_ms >= MINIMUM_SPOT_MS:
            served_ms[one.symbol] = max(one.ended_ms, served_ms.get(one.symbol, 0))
    alive = {lease.lease_id for lease in leases}
    found = [
        one
        for lease_id, one in lived.items()
        if lease_id not in alive
        and one.host
        and one.ended_ms - one.began_ms >= PROBED_MS
        and one.ended_ms > max(since_ms, served_ms.get(one.symbol, 0))
    ]
    return sorted(found, key=lambda one: one.ended_ms)
