"""The files of a guest's console: the one it writes to, and older, rotated ones. Shell module.

virtlogd renames ``v-1.log`` to ``v-1.log.0``, that to ``v-1.log.1`` and so on, and begins anew.
"""

import contextlib
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from hostagent.core.console import Roll, Written

ROLLED_MAX: Final = 3
"""Older files that virtlogd keeps, unless it is told otherwise."""


@contextlib.contextmanager
def opened(log: Path) -> Iterator[Written | None]:
    """Give a console to read from, None when nothing of it is there. Raises `OSError`."""
    rolls: dict[int, Roll] = {}
    with contextlib.ExitStack() as files:
        for name in (log.name, *(f"{log.name}.{number}" for number in range(ROLLED_MAX))):
            try:
                file = files.enter_context(log.with_name(name).open("rb"))
            except FileNotFoundError:
                continue
            found = os.fstat(file.fileno())
            # Rolled over while we look: the newest name was opened first and counts.
            rolls.setdefault(
                found.st_ino, Roll(found.st_ino, found.st_size, partial(_read, file.fileno()))
            )
        yield Written(list(reversed(rolls.values()))) if rolls else None


def _read(descriptor: int, start: int, end: int) -> bytes:
    return os.pread(descriptor, end - start, start)
