"""Plays rules over a trace in a process of its own, so that the Manager goes on meanwhile. Shell.

It is `headroom manager dry-run`, with a bound on its time, its trace and its answer; one at a time.
"""

import asyncio
import contextlib
import json
import tempfile
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Any, Final

import msgspec

from exchange.cli.service import program
from manager.control.frames import ControlReason
from manager.control.requests import DryRun
from manager.shell.past_load import COLUMN, PastLoad

TIME_S: Final = 60.0
TRACE_BYTES_MAX: Final = 32 * 1024 * 1024
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
SAID_BYTES_MAX: Final = 16 * 1024


class DryRunError(Exception):
    """It could not be played; one line."""

    def __init__(self, reason: ControlReason, message: str) -> None:
        super().__init__(message)
        self.reason: ControlReason = reason


class DryRuns:
    """Plays the file at ``config`` as it is when asked."""

    def __init__(self, past: PastLoad) -> None:
        self._past = past
        self._plays = False

    async def play(self, config: Path, request: DryRun) -> Any:
        """Return what `headroom manager dry-run --json` prints. Raises `DryRunError`, `OSError`."""
        if self._plays:
            raise DryRunError("busy", "a dry run is under way")
        self._plays = True
        try:
            with tempfile.TemporaryDirectory() as folder:
                trace, words = self._trace(request, Path(folder))
                words = ["manager", "dry-run", str(config), "--trace", str(trace), *words, "--json"]
                return await _played([*program(), *words])
        finally:
            self._plays = False

    def _trace(self, request: DryRun, folder: Path) -> tuple[Path, list[str]]:
        """Return the file to play, and the options that say how it is to be read."""
        given: dict[str, Any] = msgspec.to_builtins(request)
        words = [f"--{name.replace('_', '-')}={given[name]}" for name in OPTIONS if name in given]
        if request.path is not None:
            path = Path(request.path)
            if path.stat().st_size > TRACE_BYTES_MAX:
                raise DryRunError("too_large", f"{path}: more than {TRACE_BYTES_MAX >> 20} MiB")
            return path, words
        if wrong := next((name for name in OF_A_FILE if name in given), None):
            raise DryRunError("invalid_field", f"{wrong} belongs to a path")
        if not len(self._past):
            raise DryRunError("not_allowed", "no load was read yet")
        self._past.write(folder / "load.csv")
        how = [f"--column={COLUMN}", "--per-s=1", f"--start={self._past.start()}"]
        return folder / "load.csv", [*words, *how]


OF_A_FILE: Final = ("time", "column", "per_s", "scale", "start")
OPTIONS: Final = (*OF_A_FILE, "unit_rps", "core_units", "boot_s")


async def _played(words: list[str]) -> Any:
    process = await asyncio.create_subprocess_exec(
        *words, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(TIME_S):
            out, said = await _heard(process)
            code = await process.wait()
    except TimeoutError:
        raise DryRunError("too_large", f"not done after {TIME_S:.0f} s: it was stopped") from None
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    if code != 0:
        line = (said.decode(errors="replace").strip().splitlines() or [f"it ended with {code}"])[-1]
        raise DryRunError("file_error", line.removeprefix("headroom: "))
    return json.loads(out)


async def _heard(process: Process) -> tuple[bytes, bytes]:
    assert process.stdout is not None and process.stderr is not None, "both are pipes"
    said = asyncio.create_task(_most(process.stderr, SAID_BYTES_MAX))
    out = await _most(process.stdout, ANSWER_BYTES_MAX)
    if len(out) >= ANSWER_BYTES_MAX:
        said.cancel()
        text = f"the answer is longer than {ANSWER_BYTES_MAX >> 20} MiB: play less"
        raise DryRunError("too_large", text)
    return out, await said


async def _most(reader: asyncio.StreamReader, most: int) -> bytes:
    try:
        return await reader.readexactly(most)
    except asyncio.IncompleteReadError as error:
        return error.partial
