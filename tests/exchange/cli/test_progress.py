"""The line that tells how far a long piece of work is: late, seldom, where somebody looks, and gone
at the end."""

import io
import sys

import pytest

from exchange.cli import progress
from exchange.cli.progress import Progress, left


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, seconds: list[float]) -> str:
    """Work off 100 of 400 rows at each of these seconds; returns what stood on the stream."""
    clock = iter([0.0, *seconds])
    monkeypatch.setattr(progress, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(sys, "stderr", stream)
    with Progress() as line:
        for _ in seconds:
            line.row(100, 400)
    return stream.getvalue()


def test_short_work_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, Terminal(), [0.5, 1.9]) == ""


def test_long_work_is_shown_now_and_then_and_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    line = "\r\x1b[K"
    wanted = f"{line}row 100 of 400, 6 s left{line}row 100 of 400, 9 s left{line}"
    assert shown(monkeypatch, Terminal(), [2.0, 2.4, 3.0]) == wanted


def test_where_nobody_looks_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, io.StringIO(), [2.0, 9.0]) == ""


def test_what_is_left_is_told_roughly() -> None:
    assert [left(s) for s in (0.2, 59.6, 119.0, 150.0)] == ["1 s", "60 s", "119 s", "2 min"]
