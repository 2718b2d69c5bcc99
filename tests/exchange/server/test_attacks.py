"""A small attack bench: others trade on while somebody floods, and the memory stays.

The whole table: ``python -m tests.exchange.attacks``. Calm and attack take turns in one run and
medians are compared, with room for a busy machine.
"""

import asyncio
from pathlib import Path

from tests.exchange.attacks import GROWTH_MAX_MIB, Figures, figures, scene

SLOWER_MAX = 10.0
FLOOR_MS = 10.0
"""Below this a round trip is the machine's noise, not the exchange's."""
WORST_MS = 2_000.0
OPEN_ORDERS = 1_000
ATTACKS = [("empty pings", 1), ("order.list of 3,000 orders", 20)]


def test_another_trader_goes_on_while_somebody_floods(tmp_path: Path) -> None:
    """One connection of a kind that costs the parser, twenty of one that costs the answers."""

    async def main() -> list[Figures]:
        async with scene(tmp_path / "data", OPEN_ORDERS) as (victim, url):
            return [await figures(victim, url, name, number, 1.0) for name, number in ATTACKS]

    for found in asyncio.run(main()):
        assert found.attacked_ms < max(FLOOR_MS, found.calm_ms) * SLOWER_MAX
        assert found.worst_ms < WORST_MS
        assert found.growth_mib < GROWTH_MAX_MIB
