"""F8, Automation: the Manager's rules, its bursts step by step on one time axis, its budgets."""

from collections.abc import Iterable, Sequence

from textual.widget import Widget

from manager.control.requests import LoadPast
from tui.screens.automation_acts import AutomationActs
from tui.screens.base import Deed
from tui.shared import Shared
from tui.view import axis
from tui.view.automation import (
    RULE_COLUMNS,
    UNIT_COLUMNS,
    burst_rows,
    fired_ms,
    rule_of,
    rule_rows,
)
from tui.view.automation_layout import Heights, heights
from tui.view.reading import Reading
from tui.view.rule_detail import ROWS, rule_lines, status_line
from tui.view.table import ListView, Row
from tui.view.text import fit
from tui.view.threshold import threshold
from tui.widgets.pane import LinesView


class AutomationScreen(AutomationActs):
    """Enter on a rule explains it; ``i`` shows more time."""

    CSS_PATH = "automation.tcss"
    NEEDS = "manager"
    LISTS = ("rules", "units")

    def __init__(self, shared: Shared, name: str) -> None:
        super().__init__(shared, name)
        self._farm = LinesView(shared.paint, "farm")
        self._picked = LinesView(shared.paint, "picked")
        self._axis = LinesView(shared.paint, "axis")
        self._span = 0
        self._heights: Heights | None = None
        self._reading = Reading()

    @property
    def parts(self) -> dict[str, LinesView]:
        """Everything that is shown, by name."""
        return {"farm": self._farm, "picked": self._picked, "axis": self._axis, **self.panes}

    def list_view(self, name: str) -> ListView:
        if name == "rules":
            return ListView("RULES", RULE_COLUMNS, "the Manager has no rule; n makes one")
        return ListView("BURSTS", UNIT_COLUMNS, "nothing is rented or ordered")

    def rows(self, name: str) -> Sequence[Row]:
        make = rule_rows if name == "rules" else burst_rows
        return make(self.shared.farm, self.at_ms)

    def column(self) -> Iterable[Widget]:
        rules, units = self.panes["rules"], self.panes["units"]
        return self._farm, rules, self._picked, self._axis, units

    @property
    def at_ms(self) -> int:
        """Now, by the clock of this machine, which is the Manager's too."""
        return max(self.shared.now_ms(), self.shared.farm.at_ms)

    # --- drawing ---

    def seen(self) -> None:
        self._read_past()

    def farm_changed(self) -> None:
        super().farm_changed()
        self._read_past()

    def _read_past(self) -> None:
        """Once a Manager is there, ask it what the load was before."""
        if self.shared.farm.phase == "up" and self._reading.due(self.shared.now_ms()):
            self._reading.begins()
            self.run_deed(self._take_past)

    async def _take_past(self) -> None:
        answer = await self.shared.look(LoadPast(req_id=1))
        if answer.ok:  # an older Manager does not know it
            self.shared.farm.past.read(answer.result["rows"])
        self._reading.ended(answer.ok, self.shared.now_ms())

    def draw(self) -> None:
        width, height = self.room()
        rows = {name: self.rows(name) for name in self.LISTS}
        for name, view in self.views.items():
            view.take(rows[name])
        self._jump()
        wanted = heights(width, height, self.focus_on, len(rows["rules"]), len(rows["units"]))
        self._set_heights(wanted)
        self._draw_around_lists(width - 2, wanted)
        for name, pane in self.panes.items():
            if pane.display:
                pane.draw(name == self.focus_on)

    def _set_heights(self, wanted: Heights) -> None:
        if wanted == self._heights:
            return
        self._heights = wanted
        parts = (self.panes["rules"], self._picked, self._axis, self.panes["units"])
        for part, rows in zip(parts, wanted, strict=True):
            part.display = rows > 0
            part.styles.height = max(0, rows)
        self.call_after_refresh(self.redraw)  # lists know their new size only then

    def _draw_around_lists(self, width: int, wanted: Heights) -> None:
        farm, now_ms = self.shared.farm, self.at_ms
        row = rule_of(farm, self.rule or "")
        self._farm.show([status_line(farm, width)])
        if wanted.picked:
            below = [fit((), width)] * (wanted.picked - ROWS)
            self._picked.show(rule_lines(row, farm, now_ms, width) + below)
        shown = axis.Shown(
            farm.past.points(),
            farm.steps.between(now_ms - axis.SPANS[self._span]),
            fired_ms(farm, self.rule),
            threshold(row.when) if row else None,
        )
        size = (width, max(0, wanted.axis))
        self._axis.show(axis.lines(shown, now_ms, axis.SPANS[self._span], size))

    def opened(self, row: Row) -> None:
        self.run_deed(self._explain)

    def deeds(self) -> dict[str, Deed]:
        return {"automation_span": self._more_time, **super().deeds()}

    def _more_time(self) -> None:
        self._span = (self._span + 1) % len(axis.SPANS)
