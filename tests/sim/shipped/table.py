"""The table of the shipped scenarios in docs/simulation.md: ``python -m tests.sim.shipped.table``.

What a scenario shows is the first sentence of its comment.
"""

import re
from pathlib import Path
from typing import Final

from exchange.units import MS_PER_SECOND
from manager.core.words import duration_text
from sim.scenario.file import load
from sim.scenario.shipped import shipped

PAGE: Final = Path(__file__).parents[3] / "docs" / "simulation.md"
BEGIN: Final = "<!-- generated from scenarios/: python -m tests.sim.shipped.table -->"
END: Final = "<!-- end of the table -->"


def shows(path: Path) -> str:
    """Return the first sentence of the comment that a scenario begins with."""
    first = path.read_text("utf-8").partition("#\n")[0]
    text = " ".join(line.removeprefix("# ") for line in first.splitlines())
    return re.split(r"(?<=[.?]) ", text)[0]


def table() -> str:
    rows = ["| name | one run | shows |", "|---|---|---|"]
    for path in shipped():
        long = duration_text(load(path).scenario.duration_s * MS_PER_SECOND)
        rows.append(f"| `{path.stem}` | {long} | {shows(path)} |")
    return "\n".join(rows)


def with_table(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{table()}\n\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")
