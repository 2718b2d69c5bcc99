"""The question before leaving with something armed."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

QUESTION = "Something is armed and was not sent."
FATE = "Leaving drops it; orders already in the book stay there."
KEYS = "[@click=screen.answer(True)]Enter leaves[/] · [@click=screen.answer(False)]Esc stays[/]"


class LeaveScreen(ModalScreen[bool]):
    """Answers whether to leave."""

    CSS_PATH = "leave.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "answer(True)", "Leave"),
        Binding("escape,n", "answer(False)", "Stay"),
    ]

    def __init__(self) -> None:
        super().__init__(id="leaving")

    def compose(self) -> ComposeResult:
        with Vertical(id="leave"):
            yield Static(QUESTION)
            yield Static(FATE)
            yield Static(KEYS, id="leave-keys")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
