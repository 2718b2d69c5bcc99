"""What the administrator is told of by a command or webhook: made from lines of the log. Pure.

The same text is told once in `REPEAT_MS`, and at most `HOURLY_MAX` alerts an hour go out; all of
them, the last `SHOWN_MAX`, are in the snapshot. Source: manager.md, "Alerts".
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from typing import Final

from exchange.log.line import LogLine, clean
from exchange.units import MS_PER_HOUR, MS_PER_MINUTE
from manager.control.budgets import limits
from manager.control.frames import AlertKind, AlertRow, RuleRow, SpendRow

SHOWN_MAX: Final = 100
HOURLY_MAX: Final = 60
REPEAT_MS: Final = 10 * MS_PER_MINUTE
TEXTS_MAX: Final = 1_000
KINDS: Final[dict[str, AlertKind]] = {
    "fired": "fired",
    "leased": "bought",
    "bid_rests": "not_found",
    "order_refused": "not_found",
    "limited": "limited",
    "vm_ended": "vm_failed",
    "vm_not_started": "vm_failed",
    "not_fit": "vm_failed",
    "rule_stopped": "rule_stopped",
    "balancer_gone": "balancer_gone",
    "disconnected": "exchange_gone",
    "load_stale": "load_gone",
}
NOTICES: Final[dict[str, AlertKind]] = {
    "recall": "recalled",
    "host lost": "lost",
    "launch failed": "vm_failed",
}
BUDGET_STEPS: Final[tuple[tuple[int, AlertKind], ...]] = ((100, "budget_100"), (80, "budget_80"))


def kind_of(entry: LogLine) -> AlertKind | None:
    """Return what kind of alert a line of the log is, ``None`` when it is none."""
    if entry.event == "notice":
        return NOTICES.get(entry.text.rpartition(": ")[2])
    return KINDS.get(entry.event)


class Alerts:
    """The last alerts; each method returns those that are to go out now."""

    def __init__(self) -> None:
        self.rows: deque[AlertRow] = deque(maxlen=SHOWN_MAX)
        self.counts: Counter[str] = Counter()
        self.held_back = 0
        """How many did not go out, as too many had."""
        self._number = 0
        self._told_ms: OrderedDict[tuple[AlertKind, str], int] = OrderedDict()
        self._out_ms: deque[int] = deque(maxlen=HOURLY_MAX)
        self._budgets: dict[tuple[str | None, str], tuple[int, int]] = {}

    def heard(self, entry: LogLine, now_ms: int) -> list[AlertRow]:
        """Take a line of the log."""
        kind = kind_of(entry)
        return [] if kind is None else self._alert(kind, clean(entry.text), now_ms)

    def looked(self, rules: Iterable[RuleRow], spend: SpendRow, now_ms: int) -> list[AlertRow]:
        """Take all budgets as they stand: each is told at 80 and 100 %, once a day or month."""
        out: list[AlertRow] = []
        for limit in limits(rules, spend):
            found = [(step, kind) for step, kind in BUDGET_STEPS if limit.percent >= step]
            now = limit.began(now_ms), found[0][0] if found else 0
            key = limit.rule, limit.span
            if found and self._budgets.get(key, (0, 0)) < now:
                self._budgets[key] = now
                out += self._alert(found[0][1], limit.text(), now_ms)
        return out

    def _alert(self, kind: AlertKind, text: str, now_ms: int) -> list[AlertRow]:
        told_ms = self._told_ms.get((kind, text))
        if told_ms is not None and now_ms - told_ms < REPEAT_MS:
            return []
        self._told_ms[kind, text] = now_ms
        self._told_ms.move_to_end((kind, text))
        if len(self._told_ms) > TEXTS_MAX:
            self._told_ms.popitem(last=False)
        self._number += 1
        self.counts[kind] += 1
        row = AlertRow(self._number, now_ms, kind, text)
        self.rows.append(row)
        return [row] if self._may_go(now_ms) else []

    def _may_go(self, now_ms: int) -> bool:
        full = len(self._out_ms) == HOURLY_MAX
        if full and now_ms - self._out_ms[0] < MS_PER_HOUR:
            self.held_back += 1
            return False
        self._out_ms.append(now_ms)
        return True
