"""A page of text over the screen, scrolled with the arrows and the wheel."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Label, Static


class PageScreen(ModalScreen[None]):
    CSS_PATH = "page.tcss"
    AUTO_FOCUS = "#page-text"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter", "leave", "Leave"),
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self.text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(id="page"):
            yield Label(self._title, markup=False, id="page-title")
            with VerticalScroll(id="page-text"):
                yield Static(self.text, markup=False)
            yield Label("↑ ↓ scroll · Esc leave", markup=False, id="page-leave")

    def on_click(self, event: events.Click) -> None:
        if event.widget is not None and event.widget.id == "page-leave":
            self.dismiss(None)

    def action_leave(self) -> None:
        self.dismiss(None)
