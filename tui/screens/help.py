"""Every key, made from the table of actions, so that it cannot forget one. A click does it."""

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.actions import MARKET, Action
from tui.commands import GROUPS

ACT = "act"
"""What a piece of text does when it is clicked: the name of an action."""
KEY_CELLS = 8
HELP_CELLS = 60
"""What the help of a key takes in a row of the table."""
REST_CELLS = 68
"""What the words below the table take in a row."""
BROWSER = (
    "g and its letter goes to a screen where something else keeps the F-key, as browsers do. "
    "A click on a tab goes there, too."
)
ROWS = (
    "A click picks a row or sorts by a column, a double click opens a row, the wheel scrolls. "
    "What is in the footer, in questions and above can be clicked."
)
PRICES = (
    "Prices are credits for one unit for one hour. What an order holds and costs stands in the "
    "ticket before anything is sent."
)
LADDER = (
    "On the ladder a click puts the cursor, a double click arms a limit order there, a "
    "shift-click one that takes; a right click offers what may be done with an order of yours."
)
ORDERS = (
    "b or s stages an order at the cursor; Enter arms it and says what it holds; Enter again "
    "sends it. Nothing leaves that was not armed. Esc steps back."
)
INDENT = " " * (KEY_CELLS + 2)


def help_text(accent: str, dim: str, actions: Sequence[Action] = MARKET) -> Text:
    """Return the table of keys, grouped, in two colours."""
    text = Text()
    for group in GROUPS:
        inside = [action for action in actions if action.group == group]
        if inside:
            text.append(f"{group}\n", style=f"bold {accent}")
        for action in inside:
            click = Style(meta={ACT: action.name})
            text.append(f"  {action.keys_text:<{KEY_CELLS}}", click)
            lines = wrap(action.help, HELP_CELLS)
            text.append(f"\n{INDENT}".join(lines) + "\n", Style.parse(dim) + click)
    _rest(text, actions[0].name == MARKET[0].name)
    return text


def _rest(text: Text, market: bool) -> None:
    """Tell what no key tells: the mouse, the browser, and how the market's orders leave."""
    for told in (BROWSER, *((PRICES, LADDER, ORDERS) if market else (ROWS,))):
        text.append("\n" + "\n".join(wrap(told, REST_CELLS)) + "\n")


class HelpScreen(ModalScreen[str | None]):
    """Answers with the action that was clicked, None when one of the keys that opened it closes it.

    With the help in the footer, all actions are reached by mouse.
    """

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,enter", "leave", "Leave"),
        Binding("up,k", "scroll(-1)", "Up"),
        Binding("down,j", "scroll(1)", "Down"),
    ]

    def __init__(self, actions: Sequence[Action]) -> None:
        super().__init__()
        self._actions = actions
        self.text = Text()
        self._keys = VerticalScroll(id="help-keys")

    def compose(self) -> ComposeResult:
        theme = self.app.theme_variables
        # Rich knows the terminal's own colour by another name than Textual.
        accent, label = (theme[name].removeprefix("ansi_") for name in ("accent", "secondary"))
        self.text = help_text(accent, label, self._actions)
        with Vertical(id="help"):
            with self._keys:
                yield Static(self.text)
            yield Static("↑ ↓ scroll · Esc leave", id="help-leave")

    def action_leave(self) -> None:
        self.dismiss(None)

    def on_click(self, event: events.Click) -> None:
        if event.widget is not None and event.widget.id == "help-leave":
            self.dismiss(None)
        elif ACT in event.style.meta:
            self.dismiss(event.style.meta[ACT])

    def action_scroll(self, by: int) -> None:
        self._keys.scroll_relative(y=3 * by, animate=False)
