"""The only table of keys and their actions: actions themselves know no keys."""

from typing import Final

from textual.keys import Keys

KEYMAP: Final[dict[str, tuple[str, ...]]] = {
    "buy": ("b",),
    "sell": ("s",),
    "confirm": ("enter",),
    "back": ("escape",),
    "cancel": ("c",),
    "replace": ("e",),
    "cancel_all": ("x",),
    "release": ("r",),
    "more": ("right", "plus"),
    "less": ("left", "minus"),
    "quantity": ("q",),
    "price": ("p",),
    "order_type": ("t",),
    "force": ("f",),
    "until": ("u",),
    "post_only": ("o",),
    "minimum": ("n",),
    "hosts": ("h",),
    "up": ("up", "k"),
    "down": ("down", "j"),
    "page_up": ("pageup",),
    "page_down": ("pagedown",),
    "centre": ("space",),
    "next_pane": ("tab",),
    "previous_pane": ("shift+tab",),
    "pane_1": ("1",),
    "pane_2": ("2",),
    "pane_3": ("3",),
    "pane_4": ("4",),
    "pane_5": ("5",),
    "pane_6": ("6",),
    "find": ("slash",),
    "coarser": ("right_square_bracket",),
    "finer": ("left_square_bracket",),
    "interval": ("i",),
    "theme": ("d",),
    "settings": ("comma",),
    "help": ("question_mark", "f1"),
    "palette": ("ctrl+p",),
    "quit": ("ctrl+q",),
}

NAMES: Final[dict[str, str]] = {
    **{f"f{number}": f"F{number}" for number in range(1, 12)},
    "home": "Home",
    "end": "End",
    "enter": "↵",
    "escape": "Esc",
    "right": "→",
    "left": "←",
    "up": "↑",
    "down": "↓",
    "plus": "+",
    "minus": "-",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "space": "Space",
    "tab": "Tab",
    "shift+tab": "⇧Tab",
    "slash": "/",
    "comma": ",",
    "question_mark": "?",
    "right_square_bracket": "]",
    "left_square_bracket": "[",
    "ctrl+k": "^k",
    "ctrl+p": "^p",
    "ctrl+q": "^q",
}


CHARACTERS: Final[dict[str, str]] = {
    ",": "comma",
    ".": "full_stop",
    ";": "semicolon",
    "!": "exclamation_mark",
    "=": "equals_sign",
    "<": "less_than_sign",
    ">": "greater_than_sign",
}
"""What Textual calls a character that stands in no table above."""
WRITTEN: Final = CHARACTERS | {shown: key for key, shown in NAMES.items()}
KNOWN: Final = frozenset(key.value for key in Keys) | frozenset(WRITTEN.values())


def key_of(text: str) -> str | None:
    """Return the key that a person wrote (``n``, ``/``, ``F5``, ``ctrl+n``), None if it is none."""
    if text in WRITTEN:
        return WRITTEN[text]
    if text in KNOWN or (len(text) == 1 and text.isalnum()):
        return text
    return None


def key_name(key: str) -> str:
    """Return how a person reads ``key``."""
    return NAMES.get(key, key)


def keys_text(action: str) -> str:
    """Return all keys of ``action`` as a person reads them."""
    return " ".join(key_name(key) for key in KEYMAP[action])
