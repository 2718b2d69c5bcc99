"""A program in a terminal of its own, 160x50 with true colours: its keys, its CPU, its memory.

What it writes is read at once by a thread, as a terminal does, and only searched for marks.
"""

import contextlib
import os
import pty
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import Final, Self

from bench.load import cpu_s

COLUMNS: Final = 160
ROWS: Final = 50
ENDS_S: Final = 20.0
SEEN_S: Final = 60.0
TAIL_BYTES: Final = 64


class Seat:
    """Runs ``python`` with ``arguments`` from the start of the block to its end."""

    def __init__(self, folder: Path, *arguments: str, mark: bytes = b"") -> None:
        self._folder = folder
        self._arguments = arguments
        self._mark = mark
        self._seen = threading.Event()
        self.written_bytes = 0
        self.painted_s = self.painted_cpu_s = 0.0
        """Wall and CPU time from the start until the mark was written."""

    def __enter__(self) -> Self:
        self._ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
        home = {"XDG_CONFIG_HOME": f"{self._folder}/config", "XDG_STATE_HOME": f"{self._folder}/s"}
        shown = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        # As installed: compiled once. The scratch folder takes it, whatever the environment says.
        compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": f"{self._folder}/pyc"}
        self._began_s = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, *self._arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, **home, **shown, **compiled},
        )
        os.close(theirs)
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reading.join(ENDS_S)
        os.close(self._ours)

    def _read(self) -> None:
        tail = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while chunk := os.read(self._ours, 65_536):
                self.written_bytes += len(chunk)
                if not self._seen.is_set() and self._mark in (tail := tail + chunk):
                    self.painted_s = time.perf_counter() - self._began_s
                    self.painted_cpu_s = self.cpu_s
                    self._seen.set()
                tail = tail[-TAIL_BYTES:]

    def painted(self) -> None:
        """Wait for the mark."""
        if not self._seen.wait(SEEN_S):
            raise TimeoutError(f"{self._arguments} wrote no {self._mark!r} in {SEEN_S:g} s")

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    @property
    def cpu_s(self) -> float:
        """What it used so far, all its threads."""
        return cpu_s(self._process.pid)

    @property
    def running(self) -> bool:
        return self._process.poll() is None
