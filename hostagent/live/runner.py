"""Run the build's tools: output into a log, progress on the way, an end that leaves none behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from hostagent.live import progress
from hostagent.live.progress import STEPS

LOOK_S = 1.0
PLAIN_EVERY_S = 30
"""How often a line is printed where the output is no terminal."""
STOP_S = 30
STEP_LIMIT_S = 3600


class BuildError(Exception):
    """The image cannot be built. ``str(error)`` says which step, why, and where its log is."""


class Runner:
    """Runs one step after the other and says how far it is. ``quiet``: says nothing."""

    def __init__(self, log: Path, environment: Mapping[str, str], quiet: bool) -> None:
        self._log, self._quiet = log, quiet
        self._environment = {**os.environ, **environment}
        self._took_s: list[float] = []
        self._began_s = self._said_s = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def end_step(self) -> None:
        """Say that the current step is done, and begin with the next."""
        now_s = time.monotonic()
        took_s, number = now_s - self._began_s, len(self._took_s)
        self._took_s.append(took_s)
        self._began_s = self._said_s = now_s
        self._say(progress.ended(number, STEPS, took_s), last=True)

    def run(self, command: Sequence[str]) -> None:
        """Run a tool to its end. Raises `BuildError`; interrupted, the tool is ended first."""
        with self._log.open("ab") as log:
            log.write(f"\n# {' '.join(command)}\n".encode())
            log.flush()
            with _held_back() as deliver:
                child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    start_new_session=True,
                )
                try:
                    deliver()
                    self._wait(child, command[0])
                except BaseException:
                    _stop(child)
                    raise
        if child.returncode != 0:
            raise self.failed(f"{command[0]} ended with {child.returncode}")

    def failed(self, why: str) -> BuildError:
        step = STEPS[min(len(self._took_s), len(STEPS) - 1)]
        return BuildError(f"build-live: {step.name}: {why}; the log is {self._log}")

    def _wait(self, child: subprocess.Popen[bytes], tool: str) -> None:
        while True:
            with suppress(subprocess.TimeoutExpired):
                child.wait(LOOK_S)
                return
            in_step_s = time.monotonic() - self._began_s
            if in_step_s > STEP_LIMIT_S:
                raise self.failed(f"{tool} did not end within {STEP_LIMIT_S} s")
            left = progress.left_s(STEPS, self._took_s, in_step_s)
            self._say(progress.text(len(self._took_s), STEPS, in_step_s, left))

    def _say(self, line: str, last: bool = False) -> None:
        if self._quiet:
            return
        if self._terminal:
            sys.stderr.write(f"\r{line}\x1b[K" + ("\n" if last else ""))
        elif last or time.monotonic() - self._said_s >= PLAIN_EVERY_S:
            self._said_s = time.monotonic()
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


@contextmanager
def _held_back() -> Iterator[Callable[[], None]]:
    """Keep signals that end the build until the yielded function is called.

    One that came while a tool is being started would leave it behind: nobody knows it yet.
    """
    came: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda number, frame: came.append(number))

    def deliver() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
        for caught in came:
            signal.raise_signal(caught)

    try:
        yield deliver
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End a tool and all it started; the second signal cannot be ignored."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(STOP_S)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
