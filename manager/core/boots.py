"""How long our own VMs took from `vm.start` to their first request served. Pure.

Known since the start of this Manager: nothing is stored. Before the first boot `DEFAULT_BOOT_MS`
stands for it. Source: manager.md, ``track and predict``.
"""

from collections import deque
from math import ceil
from typing import Final

from exchange.units import MS_PER_SECOND

DEFAULT_BOOT_MS: Final = 120 * MS_PER_SECOND
"""As long as an exchange lets a guest boot before it bills it."""
SAMPLES_MAX: Final = 200


class Boots:
    """The last `SAMPLES_MAX` boots."""

    def __init__(self) -> None:
        self._took_ms: deque[int] = deque(maxlen=SAMPLES_MAX)
        self.p95_ms = DEFAULT_BOOT_MS

    def __len__(self) -> int:
        return len(self._took_ms)

    def add(self, took_ms: int) -> None:
        self._took_ms.append(took_ms)
        rank = ceil(0.95 * len(self._took_ms))
        self.p95_ms = sorted(self._took_ms)[rank - 1]
