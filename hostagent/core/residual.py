"""Offering only while the owner's own work leaves the server idle. Pure.

Own load = the server's CPU less the leased VMs' CPU. The offer opens after 5 minutes below the
owner's threshold and closes after 1 minute above it (rules.md 8.3): slow to open and quick to
close, because the server is there for its owner's work first.
"""

from msgspec import Struct

OPEN_AFTER_MS = 5 * 60_000
CLOSE_AFTER_MS = 60_000


class Residual(Struct):
    """``below_pct`` None: offer always. ``since_ms``: how long the other side of it is held."""

    below_pct: int | None = None
    open: bool = True
    since_ms: int | None = None

    def limit(self, below_pct: int | None) -> None:
        """Take the owner's threshold; a new one starts closed, since idleness is not proven yet."""
        if below_pct == self.below_pct:
            return
        self.below_pct = below_pct
        self.open = below_pct is None
        self.since_ms = None

    def observe(self, own_load_pct: float, at_ms: int) -> None:
        """Take the owner's load in and open or close when it has held for long enough."""
        if self.below_pct is None:
            return
        if (own_load_pct < self.below_pct) == self.open:
            self.since_ms = None
            return
        if self.since_ms is None:
            self.since_ms = at_ms
        if at_ms - self.since_ms >= (CLOSE_AFTER_MS if self.open else OPEN_AFTER_MS):
            self.open = not self.open
            self.since_ms = None
