"""The last day of load, kept in memory for a dry run. Shell: it writes a file.

One figure for each `STEP_MS`, so it has a bound however often the load is read.
"""

from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from exchange.units import MS_PER_HOUR, MS_PER_SECOND
from manager.core.thin import thinned

STEP_MS: Final = 5 * MS_PER_SECOND
KEPT_MS: Final = 24 * MS_PER_HOUR
COLUMN: Final = "load_rps"


class PastLoad:
    def __init__(self) -> None:
        self._rows: deque[tuple[int, float]] = deque(maxlen=KEPT_MS // STEP_MS)

    def add(self, at_ms: int, load_rps: float) -> None:
        """Keep a figure, unless the one before is younger than `STEP_MS`."""
        if self._rows and at_ms - self._rows[-1][0] < STEP_MS:
            return
        self._rows.append((at_ms, load_rps))
        while at_ms - self._rows[0][0] > KEPT_MS:
            self._rows.popleft()

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, points: int) -> list[tuple[int, float]]:
        """Return (UTC ms, requests/s), at most ``points`` of them."""
        return thinned(self._rows, points)

    def start(self) -> str:
        """Return when the first figure was read, as UTC text."""
        return datetime.fromtimestamp(self._rows[0][0] / 1000, UTC).isoformat()

    def write(self, path: Path) -> None:
        """Write the figures as a CSV of seconds since the first and requests/s."""
        first_ms = self._rows[0][0]
        lines = [f"{(at_ms - first_ms) / 1000},{value}\n" for at_ms, value in self._rows]
        path.write_text(f"t_s,{COLUMN}\n" + "".join(lines), "utf-8")
