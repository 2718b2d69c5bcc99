"""The farm's last load figure, and whether it is fresh enough to act on. Pure.

Without a figure for ``stale_ms`` no rule acts: that is told once, and once more when there is one
again. Source: manager.md, "Rule guards".
"""

from manager.core.messages import LoadSample
from manager.core.outgoing import Outgoing


class Load:
    """Counts from the first login on, so that a load source that never answers is told too."""

    def __init__(self, outgoing: Outgoing, stale_ms: int, needed: bool = True) -> None:
        self._outgoing = outgoing
        self._stale_ms = stale_ms
        self.needed = needed
        """Some rule acts by it; else nobody is told that there is none."""
        self._sample = LoadSample(None, 0)
        self._heard_ms: int | None = None
        """When the last figure came, or when we began to wait for one."""
        self.stale = False

    def reconfigure(self, stale_ms: int, needed: bool) -> None:
        self._stale_ms = stale_ms
        if needed and not self.needed and self._heard_ms is not None:
            # Nobody waited before: the new rule's wait begins now.
            self._heard_ms = max(self._heard_ms, self._outgoing.now_ms)
        self.needed, self.stale = needed, self.stale and needed

    def begin(self) -> None:
        """The account is known: rules would act from now on."""
        if self._heard_ms is None:
            self._heard_ms = self._outgoing.now_ms

    def sample(self, sample: LoadSample) -> None:
        """Take ``sample`` unless a newer one is known; a time to come counts as now."""
        if sample.at_ms < self._sample.at_ms:
            return
        at_ms = min(sample.at_ms, self._outgoing.now_ms)
        self._sample = LoadSample(sample.value_rps, at_ms)
        if sample.value_rps is not None:
            self._heard_ms = max(at_ms, self._heard_ms or 0)
            if self.stale and self.rps() is not None:
                self.stale = False
                self._outgoing.log("load_fresh", "there is load again: the rules act")

    def rps(self) -> float | None:
        """Return the load, ``None`` when it is missing or too old."""
        fresh = self._outgoing.now_ms - self._sample.at_ms <= self._stale_ms
        return self._sample.value_rps if fresh else None

    @property
    def at_ms(self) -> int:
        """When the last sample was measured."""
        return self._sample.at_ms

    def stale_at_ms(self) -> int | None:
        """Return when `tell` is due if no figure comes."""
        if self.stale or self._heard_ms is None or not self.needed:
            return None
        return self._heard_ms + self._stale_ms + 1

    def tell(self) -> None:
        """The figure has just become too old."""
        self.stale = True
        self._outgoing.log("load_stale", f"{self.trouble()}; no rule acts until there is one")

    def trouble(self) -> str:
        return f"no load for {self._stale_ms / 1000:g} s"
