"""What `headroom sim run` writes beside its table: a page, a series, the decision log. Shell."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from msgspec import Struct

from exchange.cli.common import EXIT_NOT_SO, EXIT_USAGE, fail
from sim.cli.files import write
from sim.cli.written import check_outputs, written
from sim.page.model import Page, Source
from sim.page.page import render
from sim.results.report import RunResult
from sim.results.series import decision_lines, series
from sim.run.runner import Task
from sim.scenario.shipped import found
from sim.scenario.tables import Scenario
from sim.scenario.workload import Trace

Report = Annotated[
    Path | None,
    typer.Option("--report", help="Write a page to this HTML file: charts, metrics, verdicts."),
]
Series = Annotated[
    Path | None, typer.Option(help="Write load, units, prices and cost over time to this CSV file.")
]
Every = Annotated[int, typer.Option(min=1, help="With --series: seconds from row to row.")]
Decisions = Annotated[
    Path | None,
    typer.Option(help="Write why each rule acted or did not to this file, a JSON object a line."),
]


class Outputs(Struct, frozen=True):
    """Where to write what; None: nowhere. ``objects``: files of the one JSON object, by option."""

    objects: dict[str, Path | None]
    report: Path | None = None
    series: Path | None = None
    every_s: int = 60
    decisions: Path | None = None

    def check(self, inputs: Sequence[Path]) -> None:
        """Refuse what cannot be written, or is read, before anything runs."""
        if self.series is not None and self.series.suffix == ".parquet":
            fail(
                f"--series {self.series}: this writes CSV; to get Parquet of it, install DuckDB",
                EXIT_USAGE,
            )
        files = {"--report": self.report, "--series": self.series, "--decisions": self.decisions}
        check_outputs({**self.objects, **files}, inputs)

    def recorded(self, tasks: Sequence[Task]) -> list[Task]:
        """Return the tasks, those marked whose course is wanted: of a page only the first seeds."""
        every = self.series is not None or self.decisions is not None
        first: dict[str, int] = {}
        for task in tasks:
            first.setdefault(task.policy, task.seed)
        wanted = every or self.report is not None
        return [
            task._replace(
                record=wanted
                and task.without is None
                and (every or first[task.policy] == task.seed)
            )
            for task in tasks
        ]

    def rows(
        self, told: dict[str, Any], scenario: Scenario, results: Sequence[RunResult]
    ) -> list[str]:
        """Write all but the page; return the lines of what went wrong."""
        wrong = [
            line for option, path in self.objects.items() for line in write(told, option, path)
        ]
        wrong += written("--series", self.series, series(scenario, results, self.every_s))
        return [*wrong, *written("--decisions", self.decisions, decision_lines(scenario, results))]

    def page(self, page: Page) -> list[str]:
        return list(written("--report", self.report, [render(page)]))


def exit_code(ended_by: int | None) -> int:
    """Return the code of what did not succeed, or what a shell reports for the signal."""
    return EXIT_NOT_SO if ended_by is None else 128 + ended_by


def scenario_text(named: Path) -> Source:
    """Return the scenario as it stands in its file, for a page."""
    file = found(named)
    return Source(f"The scenario: {file.name}", file.read_text(encoding="utf-8", errors="replace"))


def command_line(file: Path, override: Trace | None, *options: str) -> str:
    """Return the `headroom sim run` of ``file`` with ``options``, and with its trace."""
    words = ["headroom", "sim", "run", str(file), *options]
    if override is not None:
        words += ["--trace", override.file]
        for name in ("column", "time", "per_s", "from_s", "scale"):
            words += [f"--{name.replace('_', '-')}", str(getattr(override, name))]
    return shlex.join(words)
