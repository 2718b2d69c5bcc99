"""Every key, made from the table of actions, so that it cannot forget one."""

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.actions import MARKET, Action
from tui.commands import GROUPS

KEY_CELLS = 8
HELP_CELLS = 60
"""What the help of a key takes in a row of the table."""
INDENT = " " * (KEY_CELLS + 2)


def help_text(accent: str, dim: str, actions: Sequence[Action] = MARKET) -> Text:
    """Return the table of keys, grouped, in two colours."""
    text = Text()
    for group in GROUPS:
        inside = [action for action in actions if action.group == group]
        if inside:
            text.append(f"{group}\n", style=f"bold {accent}")
        for action in inside:
            text.append(f"  {action.keys_text:<{KEY_CELLS}}")
            lines = wrap(action.help, HELP_CELLS)
            text.append(f"\n{INDENT}".join(lines) + "\n", style=dim)
    if actions[0].name != MARKET[0].name:
        return text
    text.append("\nb or s stages an order at the cursor; Enter arms it and says what it holds;\n")
    text.append("Enter again sends it. Nothing leaves that was not armed. Esc steps back.\n")
    return text


class HelpScreen(ModalScreen[None]):
    """Any of the keys that opened it closes it."""

    CSS_PATH = "help.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,f1,enter", "leave", "Leave"),
        Binding("up,k", "scroll(-1)", "Up"),
        Binding("down,j", "scroll(1)", "Down"),
    ]

    def __init__(self, actions: Sequence[Action]) -> None:
        super().__init__()
        self._actions = actions

    def compose(self) -> ComposeResult:
        theme = self.app.theme_variables
        # Rich knows the terminal's own colour by another name than Textual.
        accent, label = (theme[name].removeprefix("ansi_") for name in ("accent", "secondary"))
        with Vertical(id="help"):
            with VerticalScroll(id="help-keys"):
                yield Static(help_text(accent, label, self._actions))
            yield Static("↑ ↓ scroll · Esc leave", id="help-leave")

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_scroll(self, by: int) -> None:
        self.query_one("#help-keys", VerticalScroll).scroll_relative(y=3 * by, animate=False)
