"""The build's tools under its runner: a failure names step and log, Ctrl-C leaves none behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hostagent.live.runner import BuildError, Runner

DEADLINE_S = 20
PROGRAM = """
import sys
from pathlib import Path
from hostagent.live.runner import Runner
log, pid = Path(sys.argv[1]), sys.argv[2]
Runner(log, {}, quiet=True).run(["sh", "-c", f"echo $$ > {pid}.new; mv {pid}.new {pid}; exec cat"])
"""


def test_a_failure_names_the_step_and_its_log(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    runner = Runner(log, {"SAID": "here"}, quiet=True)
    runner.run(["true"])
    runner.end_step()
    with pytest.raises(BuildError) as caught:
        runner.run(["sh", "-c", "echo $SAID; exit 3"])
    line = f"build-live: install Debian: sh ended with 3; the log is {log}"
    assert str(caught.value) == line
    assert "here" in log.read_text()


def test_interrupted_it_leaves_no_tool_behind(tmp_path: Path) -> None:
    """Seen to fail without the signal to the tool's group."""
    log, told = tmp_path / "log", tmp_path / "pid"
    # A pipe that nobody writes to: `cat` would wait for ever.
    inside, outside = os.pipe()
    stuck = PROGRAM.replace("exec cat", f"exec cat /proc/{os.getpid()}/fd/{inside}")
    with subprocess.Popen(
        [sys.executable, "-c", stuck, str(log), str(told)], stderr=subprocess.DEVNULL
    ) as build:
        tool = _pid(told)
        build.send_signal(signal.SIGINT)
        assert build.wait(DEADLINE_S) != 0
    os.close(inside)
    os.close(outside)
    with pytest.raises(ProcessLookupError):
        os.kill(tool, 0)


def _pid(path: Path) -> int:
    deadline = time.monotonic() + DEADLINE_S
    while not path.exists():
        assert time.monotonic() < deadline
        os.sched_yield()
    return int(path.read_text())
