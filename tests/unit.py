"""Prints the tests that `make unit` runs: those of the pure rooms, or of the room that is named.

    python -m tests.unit [ROOM]

ROOM is the end of a room's name: ``trading``, ``exchange/trading``, ``manager/core``. The tests of
``exchange/trading/`` stand in ``tests/exchange/trading/``, those of ``exchange/bucket.py`` in
``tests/exchange/test_bucket.py``.
"""

import sys
from pathlib import Path

from tests.rooms import Room, rooms

ROOT = Path(__file__).parent.parent


def folder_of(room: Room) -> Path:
    """Return where the tests of ``room`` stand, if it has any."""
    path = Path("tests", *room.name.split("."))
    return path.with_name(f"test_{path.name}.py") if is_file(room) else path


def is_file(room: Room) -> bool:
    return ROOT.joinpath(*room.name.split(".")).with_suffix(".py").exists()


def chosen(wanted: str) -> list[Room]:
    """Return the rooms whose name ends with ``wanted``; without one, the pure rooms."""
    if not wanted:
        return [room for room in rooms().values() if room.pure]
    end = wanted.strip("/").removesuffix(".py").replace("/", ".")
    return [room for name, room in rooms().items() if f".{name}".endswith(f".{end}")]


def main() -> int:
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    paths = [path for room in chosen(wanted) if (ROOT / (path := folder_of(room))).exists()]
    if not paths:
        known = ", ".join(name.replace(".", "/") for name in rooms())
        print(f"no tests of a room {wanted!r}; rooms: {known}", file=sys.stderr)
        return 2
    print(*paths)
    return 0


if __name__ == "__main__":
    sys.exit(main())
