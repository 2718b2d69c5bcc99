"""A question before something that costs money or cannot be taken back: Enter does it, Esc not."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static


class SureScreen(ModalScreen[bool]):
    """``more`` says what it costs. A click on the last row's words answers too.

    ``does`` and ``leaves`` are the words for Enter and Esc.
    """

    CSS_PATH = "sure.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "answer(True)", "Do it"),
        Binding("escape", "answer(False)", "Leave it"),
    ]

    def __init__(
        self,
        question: str,
        more: str = "",
        does: str = "do it",
        leaves: str = "leave it",
        id: str | None = None,  # noqa: A002 Textual's name for it
    ) -> None:
        super().__init__(id=id)
        self.question, self.more = question, more
        self._does, self._leaves = does, leaves

    def compose(self) -> ComposeResult:
        with Vertical(id="sure"):
            yield Static(self.question, markup=False, id="sure-question")
            if self.more:
                yield Static(self.more, markup=False, id="sure-more")
            yield Static(f"↵ {self._does}", markup=False, id="sure-yes", classes="answer")
            yield Static(f"Esc {self._leaves}", markup=False, id="sure-no", classes="answer")

    def on_click(self, event: events.Click) -> None:
        name = event.widget.id if event.widget else None
        if name in ("sure-yes", "sure-no"):
            self.dismiss(name == "sure-yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
