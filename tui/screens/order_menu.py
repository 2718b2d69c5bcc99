"""The menu on an own order: replace or cancel."""

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList
from textual.widgets.option_list import Option

from tui.view.pointing import Offer


class OrderMenu(ModalScreen[Offer | None]):
    """Answers with what was picked; Esc or a click beside it picks nothing."""

    CSS_PATH = "order_menu.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave")]

    def __init__(self, offers: list[Offer]) -> None:
        super().__init__()
        self._offers = offers

    def compose(self) -> ComposeResult:
        with Vertical(id="order-menu"):
            yield OptionList(*(Option(offer.text) for offer in self._offers), compact=True)
            yield Label("↑ ↓ choose · ↵ take · Esc leave", id="order-menu-keys")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._offers[event.option_index])

    def on_click(self, event: events.Click) -> None:
        if event.widget is self:
            self.dismiss(None)

    def action_leave(self) -> None:
        self.dismiss(None)
