"""One table of actions for every screen: what can be done, with which keys.

It feeds the dispatcher, the footer, ``?``, the palette and the docs. An action belongs to a screen
or to all; the same key may mean different things on different screens, never two on one.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from tui.commands import ACTIONS, Group
from tui.keymap import KEYMAP, key_name

PREFIX: Final = "g"
"""Before the letter of a tab."""


class Action(NamedTuple):
    """``keys`` are Textual's names; ``label`` is what the footer says, "" to leave it out there."""

    name: str
    title: str
    help: str
    group: Group
    keys: tuple[str, ...]
    label: str = ""

    @property
    def deals(self) -> bool:
        """Whether it puts a request together; a terminal that only watches does not offer it."""
        return self.group == "Trade" and self.name not in ("confirm", "back")

    @property
    def keys_text(self) -> str:
        """All keys as a person reads them."""
        return " ".join(key_name(key) for key in self.keys)


MARKET: Final = tuple(
    Action(name, info.title, info.help, info.group, KEYMAP[name], info.label)
    for name, info in ACTIONS.items()
)
CANCEL_MINE: Final = Action(
    "cancel_mine",
    "Cancel all my orders",
    "Cancel every open order of the account, after a question.",
    "Trade",
    ("ctrl+k",),
)
EVERYWHERE: Final = (
    CANCEL_MINE,
    *(
        action
        for action in MARKET
        if action.name in ("theme", "settings", "help", "palette", "quit")
    ),
)
LIST: Final = (
    Action("open", "Open", "Open what the cursor is on.", "Look", ("enter",), "Open"),
    Action("back", "Back", "Clear the filter, or step back.", "Look", ("escape",)),
    Action("up", "Up", "Move the cursor up.", "Move", ("up", "k")),
    Action("down", "Down", "Move the cursor down.", "Move", ("down", "j")),
    Action("page_up", "Page up", "Move the cursor a page up.", "Move", ("pageup",)),
    Action("page_down", "Page down", "Move the cursor a page down.", "Move", ("pagedown",)),
    Action("first", "First row", "Move the cursor to the first row.", "Move", ("home",)),
    Action("last", "Last row", "Move the cursor to the last row.", "Move", ("end",)),
    Action("next_pane", "Next pane", "Go to the next pane.", "Move", ("tab",)),
    Action("previous_pane", "Previous pane", "Go to the pane before.", "Move", ("shift+tab",)),
    Action(
        "filter",
        "Filter",
        "Show the rows that have all the words; !word leaves rows out.",
        "Look",
        ("slash",),
        "Filter",
    ),
    Action("sort", "Sort", "Sort by the next column.", "Look", ("o",)),
    Action("reverse", "Turn the order", "Sort the other way round.", "Look", ("O",)),
    Action(
        "copy", "Copy", "Copy the row's id; pressed again, the row as JSON.", "Look", ("y",), "Copy"
    ),
)
"""What every screen with a list can do."""


class KeymapError(Exception):
    """A key cannot be given to an action; ``str`` is one line that names both."""


class Keyboard:
    """What the keys mean on each screen.

    ``tables`` holds the actions of each screen by its title, ``wanted`` the keys that the user gave
    to actions by name. Raises `KeymapError` on a name that no screen knows and on a clash.
    """

    def __init__(
        self,
        tables: Mapping[str, Iterable[Action]],
        wanted: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        wanted = wanted or {}
        known = {action.name for actions in tables.values() for action in actions}
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise KeymapError(f"keymap: there is no action {unknown[0]!r}")
        self._actions = {
            screen: tuple(_with_keys(action, wanted) for action in actions)
            for screen, actions in tables.items()
        }
        self._names = {screen: _by_key(screen, each) for screen, each in self._actions.items()}

    def actions(self, screen: str) -> tuple[Action, ...]:
        """Return what can be done on ``screen``."""
        return self._actions[screen]

    def meaning(self, screen: str, keys: Iterable[str]) -> str | None:
        """Return the name of the action that one of ``keys`` (a key and its aliases) means."""
        names = self._names[screen]
        return next((names[key] for key in keys if key in names), None)


def _with_keys(action: Action, wanted: Mapping[str, tuple[str, ...]]) -> Action:
    return action._replace(keys=wanted.get(action.name, action.keys))


def _by_key(screen: str, actions: Iterable[Action]) -> dict[str, str]:
    names: dict[str, str] = {}
    for action in actions:
        for key in action.keys:
            other = names.setdefault(key, action.name)
            if other != action.name or key == PREFIX:
                clash = f"{other} and {action.name}" if key != PREFIX else f"{other} and the tabs"
                raise KeymapError(f"keymap: {key_name(key)!r} means {clash} on {screen}")
    return names
