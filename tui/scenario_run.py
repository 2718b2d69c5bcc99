"""Runs scenarios in a process of their own: `headroom sim run FILE --out RESULT`. Shell."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from exchange import files
from sim.scenario import shipped
from tui.remembered import remembered_path
from tui.view.recording import Recording, recording_of
from tui.view.scenario_rows import ScenarioFile, scenario_file

FILES_MAX: Final = 200
FILE_BYTES_MAX: Final = 1024 * 1024
RESULT_BYTES_MAX: Final = 64 * 1024 * 1024
STOP_S: Final = 2.0
"""So long a cancelled run has to end in order."""
LOOK_S: Final = 0.2
LINE_MAX: Final = 4096


class NotRunError(Exception):
    """The run gave no result; ``str`` is one line for a person."""


def scenario_folder(named: str | None) -> Path:
    """Return the folder that is named; else ``scenarios`` here, else that of the shipped ones."""
    if named is not None:
        return Path(named).expanduser()
    here = Path("scenarios")
    return here if here.is_dir() else shipped.FOLDER


def scenario_files(folder: Path) -> list[ScenarioFile]:
    """Return the scenario files of ``folder`` by name; none when there is no such folder."""
    found: list[ScenarioFile] = []
    for path in sorted(folder.glob("*.toml"))[:FILES_MAX]:
        try:
            found.append(scenario_file(path.name, files.read(path, FILE_BYTES_MAX)))
        except OSError as error:
            found.append(ScenarioFile(path.name, None, error.strerror or str(error)))
    return found


def result_path(name: str) -> Path:
    """Return where the last result of the file called ``name`` is kept."""
    return remembered_path(None).parent / "runs" / f"{Path(name).stem}.json"


def last_result(name: str) -> Recording | None:
    """Return the last result of a scenario, None when there is none that can be read."""
    path = result_path(name)
    with contextlib.suppress(OSError):
        if path.stat().st_size <= RESULT_BYTES_MAX:
            return recording_of(path.read_bytes())
    return None


async def run_scenario(path: Path, progress: Callable[[str], None]) -> Recording:
    """Run a scenario to its end; ``progress`` gets its lines. Cancelled, it ends the process.

    Raises `NotRunError`.
    """
    out = result_path(path.name)
    fresh, log = out.with_suffix(".new"), out.with_suffix(".log")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        child = _begin(path, fresh, log)
    except OSError as error:
        raise NotRunError(f"{out.parent}: {error.strerror}") from error
    try:
        while (code := child.poll()) is None:
            await asyncio.sleep(LOOK_S)
            progress(_last_line(log))
        if code not in (0, 1) or not fresh.exists():
            raise NotRunError(_last_line(log) or f"the run ended with code {code}")
        fresh.replace(out)
    finally:
        # Without an await: when the terminal ends, nobody waits for one.
        end_all(child)
        for left in (fresh, log):
            left.unlink(missing_ok=True)
    found = last_result(path.name)
    if found is None:
        raise NotRunError(f"{out} cannot be read")
    return found


def _begin(path: Path, fresh: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start the run in a session of its own: it has processes of its own, which end with it."""
    command = [sys.executable, "-m", "headroom", "sim", "run", str(path), "--out", str(fresh)]
    with log.open("wb") as told:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            start_new_session=True,
        )


def _last_line(log: Path) -> str:
    with log.open("rb") as told:
        told.seek(max(0, log.stat().st_size - LINE_MAX))
        lines = told.read(LINE_MAX).decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def end_all(child: subprocess.Popen[bytes]) -> None:
    """End the process if it still runs: asked first, then made to, with those it started."""
    if child.poll() is not None:
        return
    child.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(STOP_S)
    # One that ended at once, before it could pass the request on, left its own behind.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
