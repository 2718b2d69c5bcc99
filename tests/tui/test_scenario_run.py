"""A scenario's process is ended with those it started, also when it ends before them."""

import subprocess
import sys
from pathlib import Path

from exchange.units import MS_PER_SECOND
from tests.tui.demo.test_demo import wait_until
from tui.scenario_run import end_all

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
