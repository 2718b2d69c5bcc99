"""The ways in which shards may differ from one exchange: a closed set, as docs/scale.md tells them.

A difference changes what comes after it, so only the first one in a flow is judged.
"""

from collections import Counter
from typing import Any, Final

from exchange.wire.frames import Notice
from tests.exchange.duel.referee import Duel
from tests.sim.shards import flow
from tests.sim.shards.compare import alike, conserved
from tests.sim.shards.sharded import Sharded, Ways
from tests.sim.shards.whole import WAITS, Whole

LATER: Final = "an order waits for its money, and comes into the book later"
ELSEWHERE: Final = "money that lies in another shard does not pay"
TWICE: Final = "a name that is used in another shard is taken again"
COUNTED: Final = "open orders are counted by shard"
UNPAID: Final = "a lease is not paid on, as its money lies elsewhere"


def first(steps: list[flow.Step], ways: Ways) -> str | None:
    """Play a flow on both to its end and return the first difference; None: they stay alike.

    An `AssertionError` is a difference that is none of the known ones, or money that is not whole.
    """
    whole, shards, found = Whole(), Sharded(ways), None
    for step in steps:
        said = shards.take(step)
        conserved(shards)
        if found is None:
            found = judged(whole.take(step), said, whole, shards)
    return found


def judged(told: Any, said: Any, whole: Whole, shards: Sharded) -> str | None:
    """Return what differs after a step, to which ``told`` and ``said`` were the answers."""
    if told != said:
        return verdicts_differ(told, said)
    if poor(whole.one) != sum((poor(duel) for duel in shards.shards.values()), Counter()):
        return UNPAID
    alike(whole, shards)
    return None


def verdicts_differ(told: Any, said: Any) -> str:
    if said == WAITS:
        return LATER
    if said == "insufficient_funds":
        return ELSEWHERE
    known = {"duplicate_client_order_id": TWICE, "max_open_orders": COUNTED}
    assert told in known, f"one exchange says {told}, the shards say {said}"
    return known[told]


def poor(duel: Duel) -> Counter[str]:
    """Return who was told by now that a lease cannot be paid on, and how often."""
    every = duel.market.frames.items()
    return Counter(
        account
        for account, frames in every
        for frame in frames
        if isinstance(frame, Notice) and frame.kind == "funds_low"
    )
