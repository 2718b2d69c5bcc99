"""Search an instrument by parts of its symbol; Enter shows it."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Label, OptionList
from textual.widgets.option_list import Option

from tui.screens.typing import TypingScreen
from tui.view.instruments import matching
from tui.view.model import Model
from tui.view.text import price_text
from tui.widgets.field import Field

FOUND_MAX = 60
NOTHING = "nothing has that in its symbol"


class FindScreen(TypingScreen[str | None]):
    """Answers with the chosen symbol, None when left by Esc."""

    CSS_PATH = "find.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave"),
        Binding("up", "move(-1)", "Up", priority=True),
        Binding("down", "move(1)", "Down", priority=True),
    ]

    def __init__(self, model: Model) -> None:
        super().__init__()
        self._model = model
        self._options = OptionList(id="find-list", compact=True)

    def compose(self) -> ComposeResult:
        with Vertical(id="find"):
            yield Field(placeholder="small flat spot", compact=True, id="find-text")
            yield self._options
            yield Label("↑ ↓ choose · ↵ show · Esc leave", id="find-keys")

    def on_mount(self) -> None:
        self._list("")

    def on_input_changed(self, event: Input.Changed) -> None:
        self._list(event.value)

    def entered(self, field: Input) -> None:
        chosen = self._options.highlighted_option
        self.dismiss(chosen.id if chosen else None)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_move(self, by: int) -> None:
        if by > 0:
            self._options.action_cursor_down()
        else:
            self._options.action_cursor_up()

    def _list(self, text: str) -> None:
        options = self._options
        found = matching(self._model.listed(), text)[:FOUND_MAX]
        options.clear_options()
        options.add_options([Option(self._row(item.symbol), id=item.symbol) for item in found])
        if found:
            options.highlighted = 0
        else:
            options.add_option(Option(NOTHING, disabled=True))

    def _row(self, symbol: str) -> str:
        places = self._model.places(symbol)
        book = self._model.books.get(symbol)
        bid = book.best_bid_ucr if book else None
        ask = book.best_ask_ucr if book else None
        quote = [price_text(price, places) if price else "–" for price in (bid, ask)]
        return f"{symbol:<34}{quote[0]:>9} × {quote[1]:<9}"
