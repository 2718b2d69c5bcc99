"""The table of rooms in docs/architecture.md, read, and who may import whom by it.

A room is a folder, or a single file, with a kind (pure or shell) and what it may import. Every
module belongs to the room with the longest name that it begins with.
"""

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parent.parent / "docs" / "architecture.md"
ROW = re.compile(r"^\| `([\w/.]+)` \|.*\| (pure|shell) \|(.*)\|$", re.MULTILINE)
ABOVE, CORES = "all above", "every core"


class Room(NamedTuple):
    """One row of the table. Names are dotted: ``exchange.wire``, ``exchange.keys``."""

    name: str
    pure: bool
    may: tuple[str, ...]
    """Rooms and modules that it may import, besides itself."""


@cache
def rooms() -> dict[str, Room]:
    """Return the rooms of the page by name, in the order of the table."""
    return read(PAGE.read_text("utf-8"))


def read(text: str) -> dict[str, Room]:
    """Return the rooms of a page.

    ``all above``: the rows of the same package before it; ``every core``: every pure row before it.
    """
    found: dict[str, Room] = {}
    for path, kind, may in ROW.findall(text):
        name = dotted(path)
        package = name.partition(".")[0]
        names = [dotted(each) for each in re.findall(r"`([\w/.]+)`", may)]
        if ABOVE in may:
            names += [each for each in found if each.partition(".")[0] == package]
        if CORES in may:
            names += [each.name for each in found.values() if each.pure]
        found[name] = Room(name, kind == "pure", tuple(names))
    return found


def dotted(path: str) -> str:
    """Return the dotted name of a path: ``exchange.wire`` for ``exchange/wire/``."""
    return path.removesuffix("/").removesuffix(".py").replace("/", ".")


def room_of(module: str) -> Room | None:
    """Return the room of a dotted module or of a name in one; None outside the packages."""
    known = rooms()
    while module:
        if module in known:
            return known[module]
        module = module.rpartition(".")[0]
    return None


def refusal(module: str, imported: str) -> str | None:
    """Return why ``module`` may not import ``imported``, both of our own packages; None: it may."""
    room, other = room_of(module), room_of(imported)
    if room is None or other is None:
        return f"{imported}: in no room of docs/architecture.md"
    if room.name == other.name or other.name in room.may:
        return None
    if any(imported == name or imported.startswith(f"{name}.") for name in room.may):
        return None
    if room.pure and not other.pure:
        return f"{imported}: a pure room imports a shell one"
    return f"{imported}: {room.name} does not import {other.name} (docs/architecture.md, rooms)"
