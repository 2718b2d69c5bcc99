"""How far long work is, on stderr, with the time that is left. Shell."""

import time
from typing import Final

import typer

EVERY_S: Final = 2.0


class Progress:
    """Call it with how much is done, up to ``count``; it prints a line every `EVERY_S`."""

    def __init__(self, what: str, count: int) -> None:
        self._what = what
        self._count = count
        self._begun_s = self._told_s = time.monotonic()

    def __call__(self, done: int, more: str = "") -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < EVERY_S:
            return
        self._told_s = now_s
        left_s = (now_s - self._begun_s) * (self._count - done) / max(1, done)
        share = 100 * done // max(1, self._count)
        text = f"{self._what}: {share} %, {max(0.0, left_s):.0f} s left{more}"
        typer.echo(text, err=True)
