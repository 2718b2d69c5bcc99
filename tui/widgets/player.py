"""The player of a run on screen: a click or a drag goes to that time."""

from textual import events

from tui.themes import Paint
from tui.view.recording import Player, player_lines
from tui.widgets.pane import LinesView


class PlayerView(LinesView):
    """Keys come through the screen."""

    def __init__(self, paint: Paint, player: Player) -> None:
        super().__init__(paint, "player")
        self.player = player

    def draw(self, focused: bool) -> None:
        width, height = self.size
        if width and height:
            self.show(player_lines(self.player, width, height, focused))

    async def on_click(self, event: events.Click) -> None:
        event.stop()
        if event.y == 0:
            await self.run_action("screen.act('scenarios_play')")
        else:
            self.player.seek_cell(event.x, self.size.width)
            await self.run_action("screen.clicked('list-timeline')")
