"""Run `headroom` in this process: what a user sees of a command, without starting Python for it.

What a process alone can show (signals, a server, what is printed when Python ends) needs one:
`tests.exchange.support.harness.ServerProcess` and the tests of `headroom.py`.
"""

import asyncio
import io
import logging
import resource
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from types import FrameType
from typing import NamedTuple, NoReturn

from typer.main import get_command

import headroom

DEADLINE_S = 90


class Outcome(NamedTuple):
    code: int
    out: str
    errors: str


def run(args: list[str], bytes_max: int | None = None) -> Outcome:
    """Run `headroom` with ``args``; no file may grow beyond ``bytes_max``, as on a full disk."""
    out, errors = io.StringIO(), io.StringIO()
    with (
        redirect_stdout(out),
        redirect_stderr(errors),
        _deadline(),
        _logging(),
        _file_size(bytes_max),
    ):
        try:
            headroom.run(get_command(headroom.build_app()), args, "headroom")
        except SystemExit as end:
            code = end.code
            assert isinstance(code, int)
    return Outcome(code, out.getvalue(), errors.getvalue())


def run_beside(args: list[str]) -> Outcome:
    """Run it while an event loop of the test stands still; the command has one of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run(args)
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run, args).result(DEADLINE_S)


@contextmanager
def _deadline() -> Iterator[None]:
    def late(number: int, frame: FrameType | None) -> NoReturn:
        raise AssertionError(f"still running after {DEADLINE_S} s")

    if threading.current_thread() is not threading.main_thread():
        yield  # which has no signals; whoever waits for it has a deadline
        return
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(DEADLINE_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _logging() -> Iterator[None]:
    """Take back what a command that logs set up for the whole process."""
    root, ours = logging.getLogger(), logging.getLogger("headroom")
    handlers, levels = list(root.handlers), (root.level, ours.level)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        ours.setLevel(levels[1])


@contextmanager
def _file_size(most: int | None) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if most is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
