"""The rows around every screen: the tabs on top, a notice that stays, what a screen lacks."""

from collections.abc import Sequence

from textual import events

from tui.themes import Paint
from tui.view.tabs import Shown, TabName, notice_line, tab_at, tab_line, tab_row
from tui.view.text import Line, fit, span
from tui.widgets.pane import LinesView


class TabBar(LinesView):
    """The row of tabs; a click goes to one."""

    def __init__(self, paint: Paint, current: str) -> None:
        super().__init__(paint, "tabs")
        self._current = current
        self._shown: list[Shown] = []

    def draw(self, tabs: Sequence[TabName], width: int, letters: bool) -> None:
        self._shown = tab_row(tabs, self._current, width, letters)
        self.show([tab_line(self._shown, width)])

    async def on_click(self, event: events.Click) -> None:
        event.stop()
        name = tab_at(self._shown, event.x)
        if name is not None:
            await self.run_action(f"screen.act('go_{name}')")


class NoticeBar(LinesView):
    """A notice that is not over yet; a click opens the Log."""

    def __init__(self, paint: Paint) -> None:
        super().__init__(paint, "notice")

    def draw(self, text: str, width: int) -> None:
        self.show([notice_line(text, width)])

    async def on_click(self, event: events.Click) -> None:
        event.stop()
        await self.run_action("screen.act('go_log')")


class LackView(LinesView):
    """What a screen needs and the command that gives it, in the middle."""

    def __init__(self, paint: Paint, name: str = "lack") -> None:
        super().__init__(paint, name)

    def draw(self, texts: Sequence[str], width: int, height: int) -> None:
        above = max(0, (height - len(texts)) // 2)
        lines: list[Line] = [()] * above
        for number, text in enumerate(texts):
            blank = span(" " * max(0, (width - len(text)) // 2))
            lines.append((blank, span(text, "text!" if number == 0 else "label")))
        lines += [()] * (height - len(lines))
        self.show([fit(line, width) for line in lines])
