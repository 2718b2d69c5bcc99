"""A server that we start, and that never stays behind. Shell.

It ends with us, however we end, and hears no Ctrl-C of our terminal: who started it stops it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from exchange.cluster.programs import Account, ClusterError, find

START_LIMIT_S: Final = 60.0
STOP_LIMIT_S: Final = 30.0
CALL_LIMIT_S: Final = 120.0
"""A whole copy of a node's data fits into it."""
LOOK_EVERY_S: Final = 0.02
_TAIL_BYTES: Final = 4096


def until(true: Callable[[], bool], limit_s: float) -> bool:
    """Look until ``true()``; return False when it is not so after ``limit_s``."""
    end = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_EVERY_S)
    return True


class Child:
    """One server: what it is called, its log, and its process while it runs."""

    def __init__(self, name: str, log: Path, account: Account, stop_by: signal.Signals) -> None:
        self.name = name
        self.log = log
        self._account = account
        self._stop_by = stop_by
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Return the number of its process; None unless it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def start(self, command: Sequence[str], up: Callable[[], bool]) -> None:
        """Start it and return when it is ``up()``. Raises `ClusterError` with what it said."""
        assert self.pid is None, f"{self.name} runs already"
        before = [find("setpriv"), f"--pdeathsig={self._stop_by.name.removeprefix('SIG')}"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*before, *self._account.words(), "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )
        if not until(lambda: self.pid is None or up(), START_LIMIT_S) or self.pid is None:
            self.stop()
            raise ClusterError(f"{self.name} did not start: {last_line(self.log)}")

    def stop(self) -> None:
        """Ask it to end, and return when it has; one that does not is killed."""
        if self._process is None:
            return
        if self.pid is not None:
            self._process.send_signal(self._stop_by)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_LIMIT_S)
        self.kill()

    def kill(self) -> None:
        """End it and its processes at once, as a power cut would."""
        if self._process is None:
            return
        if (pid := self.pid) is not None:
            self._process.send_signal(signal.SIGSTOP)  # starts no more while we look
            for each in [*_children(pid), pid]:
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
            self._process.wait(STOP_LIMIT_S)
        self._process = None


def call(
    command: Sequence[str],
    account: Account,
    env: Mapping[str, str] | None = None,
    limit_s: float = CALL_LIMIT_S,
) -> str:
    """Return what ``command`` prints. Raises `ClusterError` with its last line if it fails."""
    words = [find("setpriv"), "--pdeathsig=KILL", *account.words(), "--", *command]
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            env={**os.environ, **(env or {})},
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ClusterError(f"{name}: no answer within {limit_s:g} s") from None
    if done.returncode != 0:
        raise ClusterError(f"{name}: {_last(done.stderr)}")
    return done.stdout.strip()


def last_line(log: Path) -> str:
    """Return what a server said last."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL_BYTES))
        return _last(file.read().decode("utf-8", "replace"))


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
