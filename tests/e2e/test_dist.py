"""What is built installs into an empty virtual environment and runs there, far from the clone.

It stands here because it fetches packages, and `make test` fetches none once it is set up.
`make dist` names the folder of what it has built in HEADROOM_DIST; else the test builds for itself.
"""

import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.test_tour import Visitor, exchange

ROOT = Path(__file__).parents[2]
INSTALL_S = 300


class Newcomer(Visitor):
    """Someone who has the wheel, the lock and a scenario file, and no clone."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        super().__init__(folder / "work")
        self.folder.mkdir()
        self.env = {key: text for key, text in os.environ.items() if not key.startswith("PYTHON")}
        binaries = folder / "venv" / "bin"
        self.headroom = (str(binaries / "headroom"),)
        call(sys.executable, "-m", "venv", str(binaries.parent))
        pip = (str(binaries / "pip"), "--quiet", "--no-input", "install", "--no-deps")
        call(*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "run.txt"))
        call(*pip, str(wheel))


def call(*line: str) -> None:
    done = subprocess.run(line, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    assert done.returncode == 0, (line, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    folder = tmp_path_factory.mktemp("dist")
    built = os.environ.get("HEADROOM_DIST", "")
    if not built:
        call("bash", str(ROOT / ".ci" / "build-dist"), str(folder))
    [wheel] = (ROOT / built if built else folder).glob("headroom-*.whl")
    return Newcomer(folder, wheel)


def test_the_commands_are_there(newcomer: Newcomer) -> None:
    assert newcomer.run("--version") == f"headroom {metadata.version('headroom')}"
    shown = newcomer.run("--help")
    commands = re.findall(r"^│ (\w+)  ", shown, re.MULTILINE)
    assert {"demo", "exchange", "host", "manager", "tui", "sim"} <= set(commands)
    for command in commands:
        newcomer.run(command, "--help")


def test_an_exchange_is_founded_served_and_verified(newcomer: Newcomer) -> None:
    with exchange(newcomer):
        state = newcomer.json("account", "state", "--key", "operator.pem")
        assert state["balances"]["held_ucr"] == 0
    assert json.loads(newcomer.run("exchange", "verify", "--data", "market"))["seq"] >= 1


def test_the_demo_opens_and_closes(newcomer: Newcomer) -> None:
    shown = newcomer.run("demo", "--headless", "--for", "2")
    assert re.fullmatch(r"[1-9]\d* frames, \d+ trades, \d+ books", shown)


def test_a_scenario_runs(newcomer: Newcomer) -> None:
    assert "A bad day" in newcomer.run(
        "sim", "run", "bad_day", "--runs", "1", "--policy", "threshold"
    )
