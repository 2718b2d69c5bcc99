"""Does a run come out the same in other circumstances? Its digest tells.

`every.py` runs all scenarios under one hash seed, in several processes, and leaves out signs of
life that tell nothing. Here one run of each is made again: in one process, with other hash seeds,
once with all signs of life. As a program it takes names and prints digests.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from sim.run.runner import Task
from sim.run.world import World
from sim.scenario.file import Loaded, load
from sim.scenario.shipped import FOLDER

REPO: Final = Path(__file__).parents[3]
NAME: Final = "tests.sim.shipped.digests"
LIMIT_S: Final = 900
"""A process that takes longer hangs."""


class Other(NamedTuple):
    """Circumstances: ``PYTHONHASHSEED``, and whether signs of life that tell nothing are made."""

    hash_seed: int
    leaves_out: bool

    @property
    def text(self) -> str:
        beats = "signs of life left out" if self.leaves_out else "every sign of life made"
        return f"PYTHONHASHSEED={self.hash_seed}, one process, {beats}"


OTHERS: Final = (Other(1, True), Other(777, False))


def chosen_task(loaded: Loaded) -> Task:
    """Return the run that is made again: the last policy of this exchange, with the first seed."""
    names = [name for name, policy in loaded.scenario.policy.items() if policy.tariff is None]
    return Task(names[-1], loaded.scenario.seed)


def begin(other: Other, names: list[str]) -> subprocess.Popen[bytes]:
    """Start a process that makes the run of each of these scenarios; see `outcome`."""
    command = [sys.executable, "-m", NAME, str(int(other.leaves_out)), *names]
    environment = {**os.environ, "PYTHONHASHSEED": str(other.hash_seed)}
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, cwd=REPO)


def outcome(process: subprocess.Popen[bytes]) -> dict[str, str]:
    """Return the digest of each scenario."""
    with process:
        out, _ = process.communicate(timeout=LIMIT_S)
    return msgspec.json.decode(out, type=dict[str, str])


def digest(loaded: Loaded, leaves_out: bool) -> str:
    task = chosen_task(loaded)
    return World(loaded, task.policy, task.seed, leaves_out=leaves_out).run().digest


def main(leaves_out: bool, names: list[str]) -> None:
    found = {name: digest(load(FOLDER / f"{name}.toml"), leaves_out) for name in names}
    sys.stdout.write(msgspec.json.encode(found).decode())


if __name__ == "__main__":
    main(sys.argv[1] == "1", sys.argv[2:])
