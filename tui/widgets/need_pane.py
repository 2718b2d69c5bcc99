"""The rows above the offers: the need, and what it comes to. A click on the need types it."""

from textual import events

from tui.themes import Paint
from tui.widgets.pane import LinesView


class NeedPane(LinesView):
    """Three rows."""

    def __init__(self, paint: Paint) -> None:
        super().__init__(paint, "need")

    async def on_click(self, event: events.Click) -> None:
        event.stop()
        if event.y == 0:
            await self.run_action("screen.act('find_need')")
