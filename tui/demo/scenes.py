"""The table of all screens as pictures: what each is, and how a person gets there.

The pictures of the docs and the snapshots of the tests are both made from it, so that a new screen
is one line here. Pure.
"""

from typing import Final, NamedTuple


class Scene(NamedTuple):
    """``keys`` lead there from any tab; ``leave`` closes what they opened.

    ``who``: "acme" trades and has a Manager, "operator"; "stale": acme, and all is lost.
    """

    name: str
    keys: tuple[str, ...]
    leave: tuple[str, ...] = ()
    who: str = "acme"


ARM: Final = ("b", "q", "4", "enter", "up", "up", "b", "enter")
"""A buy of 4 at the cursor, armed."""

SCENES: Final = (
    Scene("market", ("f2",)),
    Scene("market-ticket", ("f2", "b"), ("escape",)),
    Scene("market-armed", ("f2", *ARM), ("escape", "escape", "escape", "down", "down")),
    Scene("orders", ("f3",)),
    Scene("leases", ("f4",)),
    Scene("leases-release", ("f4", "home", "r"), ("escape",)),
    Scene("hosts", ("f5", "home")),
    Scene("hosts-offer", ("f5", "home", "w"), ("escape",)),
    Scene("hosts-token", ("f5", "t"), ("escape",)),
    Scene("find", ("f6",)),
    Scene("find-need", ("f6", "n", *"4 small in DE below 0.035", "enter"), ("escape",)),
    Scene("library", ("f7",)),
    Scene("library-import", ("f7", "i"), ("escape",)),
    Scene("automation", ("f8",)),
    Scene("automation-rule", ("f8", "n"), ("escape",)),
    Scene("scenarios", ("f9",)),
    Scene("log", ("f10",)),
    Scene("help", ("f2", "question_mark"), ("escape",)),
    Scene("settings", ("f2", "comma"), ("escape",)),
    Scene("palette", ("f2", "ctrl+p", *"go"), ("escape",)),
    Scene("cancel-all", ("f3", "ctrl+k"), ("escape",)),
    Scene("operator", ("f11",), who="operator"),
    Scene("operator-decline", ("f11", "x"), ("escape",), who="operator"),
    Scene("market-stale", ("f2",), who="stale"),
    Scene("automation-stale", ("f8",), who="stale"),
)
"""In the order in which the terminal is walked through them; ``stale`` after all is lost."""
