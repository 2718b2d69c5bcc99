"""The log of a running exchange, host or Manager: set up once, written line by line. Shell.

Lines go to stderr through Python's logging. A log must never stop what it reports: a line that
stderr does not take at once (closed, full, nobody reads) is left out and counted.
"""

import atexit
import logging
import os
import select
import sys
import time
import traceback
from contextlib import nullcontext
from pathlib import Path
from typing import Final

from exchange.log.line import Format, Level, LogLine, as_json, as_text, line
from exchange.log.rate import Rate

LEVELS: Final[dict[Level, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
FRAMES_SHOWN: Final = 8
LOGGER: Final = logging.getLogger("headroom")


def set_up(level: Level, form: Format) -> None:
    """Write lines from ``level`` on to stderr; of the libraries only warnings and errors."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(StderrHandler(form))
    root.setLevel(logging.WARNING)
    LOGGER.setLevel(LEVELS[level])
    atexit.register(catch_up, last=True)


def write(entry: LogLine) -> None:
    """Put a line into the log, unless its level is not asked for."""
    number = LEVELS[entry.level]
    if LOGGER.isEnabledFor(number):
        LOGGER.log(number, "%s", entry.text, extra={"entry": entry})


def catch_up(last: bool = False) -> None:
    """Report how much the rate left out; for quiet times, and with ``last`` for the end."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, StderrHandler):
            with handler.lock or nullcontext():
                handler.catch_up(None if last else _now_ms())


class StderrHandler(logging.Handler):
    """Writes to stderr without ever waiting for it or raising."""

    def __init__(self, form: Format) -> None:
        super().__init__()
        self._write_line = as_json if form == "json" else as_text
        self._rate = Rate()
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        entry = getattr(record, "entry", None) or _of_library(record)
        now_ms = _now_ms()
        self.catch_up(now_ms)
        if self._rate.takes(entry, now_ms):
            self._write(entry, now_ms)

    def catch_up(self, now_ms: int | None) -> None:
        """Report what the rate left out; None: all of it, now."""
        for entry in self._rate.left_out(now_ms):
            self._write(entry, _now_ms())

    def _write(self, entry: LogLine, now_ms: int) -> None:
        if self._lost:
            text = f"{self._lost} lines are missing: stderr did not take them"
            missing = line("warning", "lines_missing", text, count=self._lost)
            if _written(self._write_line(missing, now_ms)):
                self._lost = 0
        if self._lost or not _written(self._write_line(entry, now_ms)):
            self._lost += 1


def _written(text: str) -> bool:
    """Write one line if stderr takes it without a wait."""
    stream = sys.stderr
    try:
        if stream is None:  # closed before we began; its number may be another file's by now
            return False
        number = stream.fileno()
        poll = select.poll()
        poll.register(number, select.POLLOUT)
        if not any(events & select.POLLOUT for _, events in poll.poll(0)):
            return False
        data = text.encode() + b"\n"
        return os.write(number, data) == len(data)
    except (OSError, ValueError, AttributeError):
        return False


def _of_library(record: logging.LogRecord) -> LogLine:
    """What a library logs, as one line; of an error its kind and places, not what it quotes."""
    text = record.getMessage().partition("\n")[0]
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        frames = reversed(traceback.extract_tb(error.__traceback__)[-FRAMES_SHOWN:])
        places = " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
        text = f"{text}: {type(error).__name__} at {places}"
    level: Level = "error" if record.levelno >= logging.ERROR else "warning"
    return line(level, "library", text, logger=record.name)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
