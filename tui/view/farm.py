"""The Manager as its control socket shows it: load, rules, units, stored VMs, groups, alerts.

Folds a snapshot and the changes after it (control.md, "Frames and rows"). The Manager bounds its
tables; here lives one snapshot. Without a Manager ``shown`` is None, which is normal. Pure.
"""

from typing import Final, Literal, TypeAlias

from manager.control.changes import applied
from manager.control.frames import (
    AlertRow,
    BurstRow,
    Change,
    GroupRow,
    LoadRow,
    RuleRow,
    Snapshot,
    SpendRow,
    VmRow,
)
from tui.view.farm_past import LoadPast, StepPast

FarmPhase: TypeAlias = Literal["absent", "up", "lost"]

STALE: Final = "no Manager answers any more; this is what it showed last"


class Farm:
    """``phase``: never heard of ("absent"), connected ("up"), or gone since ("lost")."""

    def __init__(self) -> None:
        self.phase: FarmPhase = "absent"
        self.reason = ""
        self.shown: Snapshot | None = None
        self.past = LoadPast()
        self.steps = StepPast()
        self._told = 0
        """The number of the last alert that was passed on."""

    def lost(self, reason: str) -> None:
        """Nobody answers; what was shown stays, marked as old."""
        self.reason = reason
        if self.phase == "up":
            self.phase = "lost"
            self.past.gap()

    def apply(self, frame: Snapshot | Change) -> list[AlertRow]:
        """Fold ``frame``; return the alerts that are new. A first snapshot's are history."""
        history = self.shown is None
        self.phase, self.reason = "up", ""
        if isinstance(frame, Snapshot):
            self.shown = frame
            if self._told > max((alert.number for alert in frame.alerts), default=0):
                self._told = 0  # a Manager that began anew counts anew
        elif self.shown is not None:
            self.shown = applied(self.shown, frame)
        if self.shown is not None:
            self.past.add(self.shown.at_ms, self.shown.load)
            self.steps.add(self.shown.at_ms, self.shown.bursts)
        fresh = [alert for alert in self.alerts if alert.number > self._told]
        if fresh:
            self._told = fresh[-1].number
        return [] if history else fresh

    @property
    def present(self) -> bool:
        """Whether there is anything to show."""
        return self.shown is not None

    @property
    def at_ms(self) -> int:
        return self.shown.at_ms if self.shown else 0

    @property
    def load(self) -> LoadRow | None:
        return self.shown.load if self.shown else None

    @property
    def rules(self) -> list[RuleRow]:
        return self.shown.rules if self.shown else []

    @property
    def bursts(self) -> list[BurstRow]:
        return self.shown.bursts if self.shown else []

    @property
    def library(self) -> list[VmRow]:
        return self.shown.library if self.shown else []

    @property
    def groups(self) -> list[GroupRow]:
        return self.shown.groups if self.shown else []

    @property
    def spend(self) -> SpendRow:
        return self.shown.spend if self.shown else SpendRow()

    @property
    def alerts(self) -> list[AlertRow]:
        return self.shown.alerts if self.shown else []
