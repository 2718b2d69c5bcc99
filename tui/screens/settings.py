"""What can be set, what is and where it came from; a theme to choose."""

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList, Static
from textual.widgets.option_list import Option

from tui.config import WHAT
from tui.palettes import PALETTES
from tui.view.text import clip

VALUE_CELLS: Final = 30
ORIGIN_CELLS: Final = 14


class SettingsScreen(ModalScreen[str | None]):
    """Answers with the theme that was chosen, None when left. It holds until the terminal ends."""

    CSS_PATH = "settings.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,comma", "leave", "Leave")]

    def __init__(self, settings: Sequence[tuple[str, str, str]], file: str, theme: str) -> None:
        super().__init__()
        self.settings, self.file, self.current = settings, file, theme
        themes = (Option(f"theme {name}", id=name) for name in PALETTES)
        self._options = OptionList(*themes, compact=True)

    def compose(self) -> ComposeResult:
        rows = [
            f"{name:<16}{clip(value, VALUE_CELLS):<{VALUE_CELLS + 2}}"
            f"{origin:<{ORIGIN_CELLS}}{WHAT.get(name, '')}"
            for name, value, origin in self.settings
        ]
        with Vertical(id="settings"):
            yield Static("\n".join(rows), markup=False, id="settings-rows")
            yield Static(f"They are set in {self.file}", markup=False, id="settings-file")
            yield self._options
            yield Label("↑ ↓ choose · ↵ use the theme · Esc leave", id="settings-keys")

    def on_mount(self) -> None:
        self._options.highlighted = list(PALETTES).index(self.current)
        self._options.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)

    def action_leave(self) -> None:
        self.dismiss(None)
