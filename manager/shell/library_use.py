"""What is known of stored VMs beside the file: how far uploads are, their last use. Shell.

Uses are those that this Manager has seen: it keeps no journal.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from msgspec import Struct
from msgspec.structs import replace

from manager.control.frames import VmRow
from manager.shell.stored import Progress


class _Upload(Struct):
    """``first``: bytes that were there when it began, or went on."""

    began_s: float
    first: int = -1
    done: int = 0
    size: int = 0

    def percent(self) -> int:
        return 100 * self.done // self.size if self.size else 0

    def left_s(self, now_s: float) -> int | None:
        """Return the seconds it will still take at its pace, ``None`` before it has one."""
        sent = self.done - self.first
        if self.first < 0 or sent <= 0:
            return None
        return round((self.size - self.done) * (now_s - self.began_s) / sent)


class LastUse:
    """When units last had each stored VM."""

    def __init__(self) -> None:
        self._used_ms: dict[str, int] = {}

    def note(self, names: Iterable[str], now_ms: int) -> None:
        """Units have these stored VMs now."""
        self._used_ms |= dict.fromkeys(names, now_ms)

    def rows(self, rows: Iterable[VmRow]) -> list[VmRow]:
        """Return the rows; those that no unit has now tell when one last had them."""
        return [
            row if row.units else replace(row, used_ms=self._used_ms.get(row.name)) for row in rows
        ]


class Uploads:
    """``now_s``: a clock that never goes back."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._uploads: dict[str, _Upload] = {}

    @contextmanager
    def uploading(self, name: str) -> Iterator[Progress]:
        """Show the upload of a stored VM's image; yields what takes its progress."""
        upload = self._uploads[name] = _Upload(self._now_s())

        def progress(done: int, size: int) -> None:
            if upload.first < 0:
                upload.first, upload.began_s = done, self._now_s()
            upload.done, upload.size = done, size

        try:
            yield progress
        finally:
            self._uploads.pop(name, None)

    def rows(self, rows: Iterable[VmRow]) -> list[VmRow]:
        """Return the rows; those whose image is being uploaded tell how far it is."""
        return [self._row(row) for row in rows]

    def _row(self, row: VmRow) -> VmRow:
        upload = self._uploads.get(row.name)
        if upload is None:
            return row
        left_s = upload.left_s(self._now_s())
        return replace(row, upload_percent=upload.percent(), upload_left_s=left_s)
