"""A folder of scenario files for the pictures, one of them run already. Shell."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tui.demo.virtual import SCENE
from tui.scenario_run import result_path

STATE: Final = "XDG_STATE_HOME"
RUN_S: Final = 120
MORE: Final = """
[policy.no_burst]
[policy.static]
units = 6
price_max = 0.05
[[expect]]
policy = "threshold"
metric = "slo_violation_pct"
max = 20.0
[[expect]]
policy = "threshold"
metric = "cost"
less_than_policy = "static"
[[fault]]
kind = "stale_metrics"
at_s = 1500
for_s = 60
"""
"""What a scenario has beside the pictures' own scene."""


@contextmanager
def filled(folder: Path) -> Iterator[Path]:
    """Write scenarios into ``folder``, run one; yields where they are.

    The terminal looks for the result below XDG_STATE_HOME, which is in ``folder`` meanwhile.
    """
    scenarios, before = folder / "scenarios", os.environ.get(STATE)
    scenarios.mkdir()
    peak = scenarios / "evening_peak.toml"
    peak.write_text(SCENE + MORE, "utf-8")
    quiet = SCENE.replace("The evening peak", "A quiet day").replace("peak = 620", "peak = 200")
    (scenarios / "quiet_day.toml").write_text(quiet, "utf-8")
    os.environ[STATE] = str(folder / "state")
    try:
        out = result_path(peak.name)
        out.parent.mkdir(parents=True)
        command = [sys.executable, "-m", "headroom", "sim", "run", str(peak), "--out", str(out)]
        subprocess.run(command, check=True, capture_output=True, timeout=RUN_S)
        yield scenarios
    finally:
        os.environ.pop(STATE)
        if before is not None:
            os.environ[STATE] = before
