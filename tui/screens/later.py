"""A tab whose screen is not there yet: it names the commands that do the same."""

from collections.abc import Iterable
from typing import Final

from textual.widget import Widget

from tui.actions import EVERYWHERE, Action
from tui.screens.base import TabScreen
from tui.shared import Shared
from tui.widgets.frame_rows import LackView

COMMANDS: Final = {
    "scenarios": "headroom sim run",
}


class LaterScreen(TabScreen):
    """One page of text."""

    def __init__(self, shared: Shared, name: str) -> None:
        super().__init__(shared, name)
        self._page = LackView(shared.paint, "later")

    @classmethod
    def all_actions(cls) -> tuple[Action, ...]:
        return (*cls.ACTIONS, *EVERYWHERE)

    def body(self) -> Iterable[Widget]:
        yield self._page

    def draw(self) -> None:
        texts = ["This screen is not here yet.", "", COMMANDS[self.tab]]
        self._page.draw(texts, *self.room())
