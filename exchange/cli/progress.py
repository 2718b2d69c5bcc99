"""How far a long piece of work is: a line on stderr, where somebody looks. Shell."""

import sys
from time import perf_counter
from types import TracebackType
from typing import Final, Self

AFTER_S: Final = 2.0
"""Shorter work is not shown."""
EVERY_S: Final = 0.5
_CLEAR: Final = "\r\x1b[K"
_LONG_S: Final = 120


class Progress:
    """Of what begins with it; the line is gone when it is left."""

    def __init__(self) -> None:
        self._begun_s = perf_counter()
        self._next_s = self._begun_s + AFTER_S
        self._shown = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

    def row(self, done: int, whole: int) -> None:
        """``done`` rows of a journal are worked off."""
        now_s = perf_counter()
        if now_s < self._next_s or not sys.stderr.isatty():
            return
        self._next_s, self._shown = now_s + EVERY_S, True
        left_s = (now_s - self._begun_s) * (whole - done) / done
        sys.stderr.write(f"{_CLEAR}row {done:,} of {whole:,}, {left(left_s)} left")
        sys.stderr.flush()


def left(seconds: float) -> str:
    """Return a time as a person reads it at a glance."""
    if seconds < _LONG_S:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"
