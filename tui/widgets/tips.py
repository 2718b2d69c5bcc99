"""The demo's card above the footer; a click closes it."""

from collections.abc import Sequence

from textual import events

from tui.themes import Paint
from tui.view.tips import Tip, tip_lines
from tui.widgets.pane import LinesView


class TipsView(LinesView):
    """Shown while the screen has the class ``tipped``."""

    def __init__(self, paint: Paint) -> None:
        super().__init__(paint, "tips")

    def draw(self, tips: Sequence[Tip], width: int) -> None:
        self.show(tip_lines(tips, width))

    async def on_click(self, event: events.Click) -> None:
        event.stop()
        await self.run_action("screen.act('tips')")
