"""F10, the Log: everything that happened, newest first."""

from collections.abc import Sequence

from tui.screens.lists import ListScreen
from tui.view.log_rows import LOG_COLUMNS, log_rows, whereabouts
from tui.view.table import ListView, Row


class LogScreen(ListScreen):
    """``/`` filters by kind and id: ``refusal``, ``o-17``, ``!fill``."""

    LISTS = ("log",)

    def list_view(self, name: str) -> ListView:
        return ListView("LOG", LOG_COLUMNS, "nothing has happened yet")

    def rows(self, name: str) -> Sequence[Row]:
        return log_rows(self.shared.log)

    def opened(self, row: Row) -> None:
        """Go to what the entry is about."""
        place = whereabouts(row)
        if place is not None:
            self.run_deed(lambda: self.jump(*place))
