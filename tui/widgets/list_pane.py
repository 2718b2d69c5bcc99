"""A `tui.view.table.ListView` on screen, with the mouse: a click picks, a double click opens."""

from textual import events

from tui.themes import Paint
from tui.view.table import ListView
from tui.widgets.pane import LinesView

WHEEL_ROWS = 3


class ListPane(LinesView):
    """The keys come through the screen: see `tui.screens.lists`."""

    def __init__(self, paint: Paint, name: str, view: ListView) -> None:
        super().__init__(paint, name)
        self.view = view
        self.add_class("list")

    def draw(self, focused: bool) -> None:
        """Bring the lines up to date."""
        width, height = self.size
        if width and height:
            self.show(self.view.lines(width, height, focused))

    async def on_click(self, event: events.Click) -> None:
        event.stop()
        column = self.view.column_at(event.x, self.size.width) if event.y == 1 else None
        if column is not None:
            self.view.sort_by(column)
        on_row = self.view.click(event.y)
        await self.run_action(f"screen.clicked('{self.id}')")
        if on_row and event.chain == 2:
            await self.run_action("screen.act('open')")

    async def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        await self._wheel(event, WHEEL_ROWS)

    async def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        await self._wheel(event, -WHEEL_ROWS)

    async def _wheel(self, event: events.MouseEvent, by: int) -> None:
        event.stop()
        self.view.move(by)
        await self.run_action(f"screen.clicked('{self.id}')")
