"""Does a run come out the same in other circumstances? Its digest tells.

`every.py` runs all scenarios under one hash seed, in several processes, and leaves out signs of
life that tell nothing. Here one run of each is made again, in one process, with other hash seeds:
paced, and with all signs of life, recorded and replayed. As a program it takes names and prints
digests.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import msgspec
from typer.testing import CliRunner

from exchange.storage.sqlite_journal import create
from sim.cli.app import app
from sim.network.pump import run_paced
from sim.run.runner import Task
from sim.run.world import World
from sim.scenario.file import Loaded, load
from sim.scenario.shipped import FOLDER

REPO: Final = Path(__file__).parents[3]
NAME: Final = "tests.sim.shipped.digests"
MOST_SPEED: Final = 1e9
LIMIT_S: Final = 900
"""A process that takes longer hangs."""


class Other(NamedTuple):
    """Circumstances: ``PYTHONHASHSEED``, and what `HOW` says of ``how``."""

    hash_seed: int
    how: str

    @property
    def text(self) -> str:
        return f"PYTHONHASHSEED={self.hash_seed}, one process, {self.how}"


OTHERS: Final = (Other(1, "paced"), Other(777, "replayed"))


def chosen_task(loaded: Loaded) -> Task:
    """Return the run that is made again: the last policy of this exchange, with the first seed."""
    names = [name for name, policy in loaded.scenario.policy.items() if policy.tariff is None]
    return Task(names[-1], loaded.scenario.seed)


def begin(other: Other, names: list[str]) -> subprocess.Popen[bytes]:
    """Start a process that makes the run of each of these scenarios; see `outcome`."""
    command = [sys.executable, "-m", NAME, other.how, *names]
    environment = {**os.environ, "PYTHONHASHSEED": str(other.hash_seed)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=REPO)


def outcome(process: subprocess.Popen[bytes]) -> dict[str, str]:
    """Return the digest of each scenario."""
    with process:
        out, _ = process.communicate(timeout=LIMIT_S)
    return msgspec.json.decode(out, type=dict[str, str])


def paced(loaded: Loaded, task: Task) -> str:
    """Return the digest of a run that an event loop paces, faster than it can follow."""
    world = World(loaded, task.policy, task.seed)
    world.begin()
    asyncio.run(run_paced(world.stage.env, world.end_ms, MOST_SPEED))
    return world.result(1.0).digest


def replayed(loaded: Loaded, task: Task) -> str:
    """Return the digest of a run with every sign of life, or what its replay came to instead."""
    world = World(loaded, task.policy, task.seed, keep_rows=True, leaves_out=False)
    digest = world.run().digest
    with TemporaryDirectory() as folder:
        data, out = Path(folder) / "data", Path(folder) / "run.rec"
        create(data, world.stage.marketplace.rows)
        _sim("record", "--data", data, out)
        again = _sim("replay", out)
    assert again["same"], f"the replay's state is {again['state_hash']}"
    return digest if again["digest"] == digest else str(again["digest"])


def _sim(*words: object) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert done.exit_code == 0, done.output
    return msgspec.json.decode(done.stdout, type=dict[str, Any])


HOW: Final[dict[str, Callable[[Loaded, Task], str]]] = {"paced": paced, "replayed": replayed}


def main(how: str, names: list[str]) -> None:
    scenarios = {name: load(FOLDER / f"{name}.toml") for name in names}
    found = {name: HOW[how](each, chosen_task(each)) for name, each in scenarios.items()}
    sys.stdout.write(msgspec.json.encode(found).decode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
