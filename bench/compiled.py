"""The compiled engine beside plain CPython: the same flows, rounds and baseline, another process.

``python -P -m bench.compiled`` is that process: it finds the build before the source on its path,
takes a `Job` on standard input and answers with `Measured`. The baseline runs there too,
uncompiled and in the same rounds, so that a ratio is again of one process and one time.
"""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench.build import BUILDS, HOT, ROOT, BuildError, build
from bench.flow import Flow, Shape, make
from bench.measure import Times, end_hash, rounds
from bench.report import BARE, BASELINE, FULL, Figure, Goal
from bench.subjects import MAKERS

TIMEOUT_S: Final = 3600
NO_GOAL: Final = Goal(full=(None, None), bare=(None, None))


class Job(Struct):
    """What to play, and which modules of the exchange must turn out to be compiled."""

    shape: Shape
    rounds: int
    modules: tuple[str, ...]


class Measured(Struct):
    """What was measured, and the state the full engine ended in."""

    times: Times
    end_hash: str


class Compiled:
    """The compiled engine, if there can be one; ``notes`` says in words why not."""

    def __init__(self, modules: tuple[str, ...] = HOT) -> None:
        self.notes: list[str] = []
        self.modules = modules
        self.tree: Path | None = None

    def build(self, builds: Path = BUILDS) -> None:
        """Build, unless it was done before; takes most of a minute."""
        if self.tree is not None or self.notes:
            return
        try:
            self.tree = build(self.modules, builds=builds)
        except BuildError as why:
            self._note(f"{why}")

    def figures(self, flow: Flow, count: int, goal: Goal = NO_GOAL) -> list[Figure]:
        """Measure ``flow`` in ``count`` rounds; nothing without a build."""
        if self.tree is None:
            return []
        try:
            told = _run(self.tree, Job(flow.shape, count, self.modules))
        except (BuildError, OSError, subprocess.TimeoutExpired) as why:
            self._note(f"{why}")
            return []
        if told.end_hash != end_hash(flow):
            self._note(f"it ends the flow {flow.shape.name!r} in another state")
            return []
        return [
            Figure(
                flow.shape.name,
                f"{name}, mypyc / {BASELINE}",
                told.times.ratio(name, BASELINE),
                "x",
                *(goal.compiled if name == FULL else ()),
            )
            for name in (BARE, FULL)
        ]

    def _note(self, why: str) -> None:
        self.notes.append(f"no figures of the engine compiled with mypyc: {why}")


def environment(tree: Path) -> dict[str, str]:
    """Return the environment in which ``python -P`` takes the exchange that lies in ``tree``."""
    return {**os.environ, "PYTHONPATH": f"{tree}{os.pathsep}{ROOT}"}


def _run(tree: Path, job: Job) -> Measured:
    """Play the job on the exchange that lies in ``tree``."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "bench.compiled"],
        env=environment(tree),
        input=msgspec.json.encode(job),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        last = done.stderr.decode().strip().rpartition("\n")[2]
        raise BuildError(f"its process ended with {last or done.returncode}")
    return msgspec.json.decode(done.stdout, type=Measured)


def main() -> None:
    """Play one job."""
    job = msgspec.json.decode(sys.stdin.buffer.read(), type=Job)
    for name in job.modules:
        found = import_module(f"exchange.{name}").__file__
        assert found is not None and not found.endswith(".py"), f"{name} is not compiled"
    flow = make(job.shape)
    told = Measured(rounds(flow, MAKERS, job.rounds), end_hash(flow))
    sys.stdout.buffer.write(msgspec.json.encode(told))


if __name__ == "__main__":
    main()
