"""Host liveness from heartbeats: which hosts fell silent, came back, or are lost.

Pure and outside the engine: heartbeats are not journalled, only what follows from them is. The live
server and the simulator feed it the same way. After a start, and after a stall of the pump, every
host gets its full time again: an outage of the exchange never ends a lease. Source: rules.md 6.2,
6.3.
"""

from collections.abc import Callable
from typing import Final, Literal

from exchange.model.commands import HostBack, HostLost, HostSilent
from exchange.units import MS_PER_SECOND
from exchange.wire.terms import SILENT_MS

STALL_MS: Final = 5 * MS_PER_SECOND


class Beat:
    """A host's last sign of life, and the status that was journalled for it."""

    __slots__ = ("heard_ms", "lost_after_ms", "status")

    def __init__(
        self, heard_ms: int, status: Literal["live", "silent", "lost"], lost_after_ms: int
    ) -> None:
        self.heard_ms = heard_ms
        self.status = status
        self.lost_after_ms = lost_after_ms

    def due_ms(self) -> int | None:
        match self.status:
            case "live":
                return self.heard_ms + SILENT_MS
            case "silent":
                return self.heard_ms + self.lost_after_ms
            case "lost":
                return None


class Liveness:
    """``watch`` a host, feed ``heard``, ask ``due`` at every wake-up.

    ``lost_after_ms(host)``: how long its zone lets it be silent.
    """

    def __init__(self, lost_after_ms: Callable[[str], int]) -> None:
        self._beats: dict[str, Beat] = {}
        self._lost_after_ms = lost_after_ms
        self._run_ms: int | None = None
        self._next_ms: int | None = None  # no deadline is earlier; `heard` only moves one later

    def watch(self, host: str, now_ms: int, silent: bool = False) -> None:
        """Expect heartbeats of ``host`` from now on; a silent one gets its full time again."""
        beat = Beat(now_ms, "silent" if silent else "live", self._lost_after_ms(host))
        self._beats[host] = beat
        self._expect(beat)

    def heard(self, host: str, now_ms: int) -> HostBack | None:
        """A heartbeat arrived; returns what to journal if the host had been silent or lost."""
        beat = self._beats.get(host)
        if beat is None:
            self.watch(host, now_ms)
            return HostBack(host)  # lost or new; the engine ignores the command for a new host
        beat.heard_ms = now_ms
        if beat.status == "live":
            return None
        beat.status = "live"
        self._expect(beat)
        return HostBack(host)

    def heard_ms(self, host: str) -> int | None:
        """Return when ``host`` was last heard; None: it is silent, lost or not known."""
        beat = self._beats.get(host)
        return None if beat is None or beat.status != "live" else beat.heard_ms

    def due(self, now_ms: int) -> list[HostSilent | HostLost]:
        """Return what to journal now: hosts fallen silent, and hosts given up."""
        if self._next_ms is None or self._next_ms > now_ms:
            return []
        self._next_ms = None
        found: list[HostSilent | HostLost] = []
        for host, beat in self._beats.items():
            due_ms = beat.due_ms()
            if due_ms is not None and due_ms <= now_ms:
                found.append(self._change(host, beat))
            self._expect(beat)
        for message in found:
            if isinstance(message, HostLost):
                del self._beats[message.host]
        return found

    def ran(self, now_ms: int) -> None:
        """The pump runs at ``now_ms``; when it had stalled, every host gets its full time again."""
        if self._run_ms is not None and now_ms - self._run_ms > STALL_MS:
            for beat in self._beats.values():
                beat.heard_ms = now_ms
        self._run_ms = now_ms

    def ran_all_along(self, now_ms: int) -> None:
        """Nothing stalled up to ``now_ms``, though nothing ran: virtual time skips idle waits."""
        self._run_ms = now_ms

    def silent_ms(self) -> int | None:
        """Return when a host falls silent or is lost at the earliest, None: no host is watched."""
        return self._next_ms

    def next_deadline_ms(self) -> int | None:
        """Return when to call `due` next, None when no host is watched."""
        if self._next_ms is None or self._run_ms is None:
            return self._next_ms
        # Without regular runs a stall would look like an idle pump.
        return min(self._next_ms, self._run_ms + STALL_MS // 2)

    def _change(self, host: str, beat: Beat) -> HostSilent | HostLost:
        if beat.status == "live":
            beat.status = "silent"
            return HostSilent(host, beat.heard_ms)
        beat.status = "lost"
        return HostLost(host)

    def _expect(self, beat: Beat) -> None:
        due_ms = beat.due_ms()
        if due_ms is not None and (self._next_ms is None or due_ms < self._next_ms):
            self._next_ms = due_ms
