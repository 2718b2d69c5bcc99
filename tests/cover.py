"""Prints which share of the branches of each pure room its tests take: the table of `make cover`.

    python -m tests.cover REPORT [AIM]

REPORT is what `coverage json` writes. Of rooms below AIM (in per cent) the branches that no test
takes are listed, and the exit code is 1. Past the last case of a match no branch is counted: mypy
proves that every value has its case (`exhaustive-match`).
"""

import ast
import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from tests.rooms import room_of, rooms
from tests.tidy import module_name

ROOT = Path(__file__).parent.parent


class Figure(NamedTuple):
    branches: int
    taken: int
    missed: tuple[str, ...]

    def per_cent(self) -> float:
        return 100 * self.taken / self.branches if self.branches else 100.0


def figures(files: dict[str, Any]) -> dict[str, Figure]:
    """Return the figure of each pure room with branches, in the order of the table of rooms."""
    found = {room.name: Figure(0, 0, ()) for room in rooms().values() if room.pure}
    for path, file in sorted(files.items()):
        room = room_of(module_name(path))
        if room is not None and room.pure:
            before, taken = found[room.name], file["summary"]["covered_branches"]
            bodies = last_cases((ROOT / path).read_text("utf-8"))
            missed = tuple(
                f"{path}:{line} -> {to}"
                for line, to in file["missing_branches"]
                if to == bodies.get(line, to)
            )
            found[room.name] = Figure(
                before.branches + taken + len(missed), before.taken + taken, before.missed + missed
            )
    return {name: figure for name, figure in found.items() if figure.branches}


def last_cases(source: str) -> dict[int, int]:
    """Return the line of each match's last case, and the line that its body begins with."""
    matches = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Match)]
    last = [match.cases[-1] for match in matches]
    return {case.pattern.lineno: case.body[0].lineno for case in last}


def lines(found: dict[str, Figure]) -> list[str]:
    """Return the table, with a last line for all rooms together."""
    total = Figure(
        sum(figure.branches for figure in found.values()),
        sum(figure.taken for figure in found.values()),
        (),
    )
    named = [(name.replace(".", "/"), figure) for name, figure in found.items()]
    return [
        f"{name:20} {figure.taken:6,} of {figure.branches:6,}  {figure.per_cent():6.2f} %"
        for name, figure in [*named, ("all pure rooms", total)]
    ]


def main() -> int:
    found = figures(json.loads(Path(sys.argv[1]).read_text("utf-8"))["files"])
    aim = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    below = [figure for figure in found.values() if figure.per_cent() < aim]
    for figure in below:
        print(*figure.missed, sep="\n")
    print(*lines(found), sep="\n")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
