"""Why each rule of a farm acted or did not: what its Manager said, and how its rules stood.

The words are the Manager's own, those of its log and of `headroom manager explain`. What a rule
waits for is noted when it becomes another reason, not when only a figure in it changes.
"""

import re
from typing import Final

from msgspec import Struct

from manager.control.frames import LoadRow, RuleRow
from manager.control.view import snapshot
from manager.core.core import Manager
from manager.core.messages import Log

ENTRIES_MAX: Final = 100_000
FIGURE: Final = re.compile(r"[-+]?[0-9][0-9.,:]*[smhd]?")
RULE: Final = re.compile(r"rule ([A-Za-z0-9_.-]+): ")


class Decision(Struct, frozen=True):
    """``at_ms`` since the scenario's start; ``event`` is the log's, or how a rule stands now."""

    at_ms: int
    event: str
    rule: str
    text: str
    load_rps: float | None
    util_pct: float | None
    ready: int
    pending: int


class DecisionLog:
    """Of one farm. Tell it what the Manager logs, and let it look after each load figure."""

    def __init__(self, manager: Manager, start_ms: int) -> None:
        self._manager = manager
        self._start_ms = start_ms
        self._stood: dict[str, str] = {}
        """The reason of each rule, without its figures."""
        self.entries: list[Decision] = []

    def told(self, line: Log, now_ms: int) -> None:
        found = RULE.match(line.text)
        rule, text = (found[1], line.text[found.end() :]) if found else ("", line.text)
        self._add(now_ms, line.event, rule, text, snapshot(self._manager, now_ms).load)

    def look(self, now_ms: int) -> None:
        """Note every rule whose reason is another one now."""
        shown = snapshot(self._manager, now_ms)
        for row in shown.rules:
            why = _why(row)
            reason = f"{row.state} {FIGURE.sub('#', why)}"
            if self._stood.get(row.name) != reason:
                self._stood[row.name] = reason
                self._add(now_ms, row.state, row.name, why, shown.load)

    def _add(self, now_ms: int, event: str, rule: str, text: str, load: LoadRow) -> None:
        if len(self.entries) < ENTRIES_MAX:
            at_ms = now_ms - self._start_ms
            figures = load.load_rps, load.util_pct, load.ready, load.pending
            self.entries.append(Decision(at_ms, event, rule, text, *figures))


def _why(row: RuleRow) -> str:
    reasons = [*row.blocked_by, *row.needs]
    if row.state == "cooling":
        reasons.insert(0, "it fired and cools down")
    return "; ".join(reasons) or "nothing holds it back"
