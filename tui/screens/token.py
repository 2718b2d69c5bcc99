"""A new enrollment token, shown this once: the exchange only has its digest."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static


class TokenScreen(ModalScreen[None]):
    """``told``: the line to type on the server, and what comes then."""

    CSS_PATH = "token.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy", "Copy the line"),
        Binding("escape", "leave", "Leave"),
    ]

    def __init__(self, told: tuple[str, str], secret: str) -> None:
        super().__init__()
        self.line, self.then = told
        self.secret = secret

    def compose(self) -> ComposeResult:
        with Vertical(id="token"):
            yield Static("The token, shown this once. Type on the server:", id="token-title")
            yield Static(self.line, markup=False, id="token-line")
            yield Static(self.then, markup=False, id="token-then")
            yield Static("y copy the line", markup=False, id="token-copy", classes="answer")
            yield Static("Esc leave; it is not shown again", markup=False, id="token-leave")

    def on_click(self, event: events.Click) -> None:
        name = event.widget.id if event.widget else None
        if name == "token-copy":
            self.action_copy()
        elif name == "token-leave":
            self.dismiss()

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self.line)
        self.notify("Copied the line", timeout=2)

    def action_leave(self) -> None:
        self.dismiss()
