"""Windows by their symbols: an hour, bought ahead, that begins and ends by itself. Pure.

Source: rules.md 2.2.
"""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from exchange.units import MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND
from exchange.wire.types import SPOT

GATE_MS: Final = 3 * MS_PER_MINUTE
"""Its gate closes this long before its start: what is had of it is known, VMs may be started."""
SYMBOLS_KEPT: Final = 4_096
"""So many symbols are not read anew each time."""
HANDOVER_MS: Final = GATE_MS - MS_PER_SECOND
"""So long before an hour begins its VMs are asked for, and units that end then are replaced."""


@lru_cache(maxsize=SYMBOLS_KEPT)
def window_ms(symbol: str) -> int:
    """Return when the window of ``symbol`` begins, 0 when that is not a window."""
    delivery = symbol.rpartition(".")[2]
    if delivery == SPOT:
        return 0
    try:
        start = datetime.strptime(delivery, "%Y-%m-%dT%H").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return int(start.timestamp()) * MS_PER_SECOND


def window_symbol(class_name: str, zone: str, pricing: str, start_ms: int) -> str:
    """Return the symbol of the window that begins then."""
    hour = datetime.fromtimestamp(start_ms // MS_PER_SECOND, UTC)
    return f"{class_name}.{zone}.{pricing}.{hour:%Y-%m-%dT%H}"


def end_ms(start_ms: int) -> int:
    return start_ms + MS_PER_HOUR
