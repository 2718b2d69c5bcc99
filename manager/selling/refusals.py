"""How long to wait with an ask that was refused or withdrawn, and with how many units to come back.

A host may have less room than it seems: slots that were recalled cool down, and other orders of the
account take some. So an ask that finds no room is tried with half its units, and after `LIFT_MS`
with all of them again. Any other refusal is repeated ever more seldom. Pure.
"""

from typing import Final

from msgspec import Struct

from exchange.units import MS_PER_MINUTE, MS_PER_SECOND

FIRST_MS: Final = 2 * MS_PER_SECOND
LONGEST_MS: Final = MS_PER_MINUTE
LIFT_MS: Final = MS_PER_MINUTE
SOON: Final = ("insufficient_capacity", "deadline_passed")


class Wait(Struct):
    """Nothing is asked before ``until_ms``; until ``lift_ms`` at most ``units``."""

    until_ms: int = 0
    pause_ms: int = 0
    units: int | None = None
    lift_ms: int = 0


class Refusals:
    """Of each (host, symbol); what is asked without trouble is not in here."""

    def __init__(self) -> None:
        self._waits: dict[tuple[str, str], Wait] = {}

    def most(self, host: str, symbol: str, now_ms: int) -> int | None:
        """Return how many units may be asked now, ``None`` for as many as there are."""
        wait = self._waits.get((host, symbol))
        if wait is None:
            return None
        if now_ms < wait.until_ms:
            return 0
        if now_ms >= wait.lift_ms:
            wait.units = None
        return wait.units

    def next_ms(self, host: str, symbol: str, now_ms: int) -> int | None:
        """Return when more may be asked than now."""
        wait = self._waits.get((host, symbol))
        if wait is None:
            return None
        times = [wait.until_ms] + ([] if wait.units is None else [wait.lift_ms])
        return min((at_ms for at_ms in times if at_ms > now_ms), default=None)

    def refused(self, host: str, symbol: str, units: int, had: int, now_ms: int) -> None:
        """There was no room for ``units``; the ask, if there is one, keeps ``had``."""
        wait = self._waits.setdefault((host, symbol), Wait())
        half = max(had, units // 2)
        if half > had:
            wait.units, wait.lift_ms = half, now_ms + LIFT_MS
        else:
            self.later(host, symbol, now_ms)

    def later(self, host: str, symbol: str, now_ms: int, at_least_ms: int = FIRST_MS) -> None:
        wait = self._waits.setdefault((host, symbol), Wait())
        wait.pause_ms = min(LONGEST_MS, max(at_least_ms, 2 * wait.pause_ms))
        wait.until_ms = now_ms + wait.pause_ms

    def worked(self, host: str, symbol: str) -> None:
        """An ask was accepted."""
        wait = self._waits.get((host, symbol))
        if wait is not None and wait.units is None:
            del self._waits[host, symbol]
        elif wait is not None:
            wait.pause_ms = 0

    def forget(self, host: str) -> None:
        """The host has changed: what was refused before says nothing."""
        for key in [key for key in self._waits if key[0] == host]:
            del self._waits[key]
