"""A scenario's process is ended with those it started, also when it ends before them."""

import subprocess
import sys
from pathlib import Path

import pytest

from exchange.units import MS_PER_SECOND
from sim.scenario.shipped import FOLDER, shipped
from tests.tui.demo.test_demo import wait_until
from tui.scenario_run import end_all, scenario_files, scenario_folder

STARTS = f"""
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep({MS_PER_SECOND})"])
open(sys.argv[1], "w").write(f"{{child.pid}} ")
time.sleep({MS_PER_SECOND})
"""


def test_what_an_ended_run_has_started_ends_too(tmp_path: Path) -> None:
    """(Seen to fail when only a process that does not end is followed by a signal to the group.)"""
    told = tmp_path / "pid"
    command = [sys.executable, "-c", STARTS, str(told)]
    child = subprocess.Popen(command, start_new_session=True)
    wait_until(lambda: told.exists() and told.read_text().endswith(" "))
    end_all(child)
    status = Path("/proc", told.read_text().strip(), "status")
    wait_until(lambda: not status.exists() or "State:\tZ" in status.read_text())


def test_without_a_folder_the_shipped_scenarios_are_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert scenario_folder(None) == FOLDER
    found = scenario_files(scenario_folder(None))
    assert [file.name for file in found] == [path.name for path in shipped()] != []
    assert not [file for file in found if file.head is None]
    (tmp_path / "scenarios").mkdir()
    assert scenario_folder(None) == Path("scenarios"), "hers where she stands"
    assert scenario_folder("~/plans") == Path.home() / "plans"
