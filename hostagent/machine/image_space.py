"""Room for images and for disks made from them: what is kept, what goes, what must wait. Shell.

An image that a VM waits for is never dropped. One that nobody waits for goes, the one unused for
longest first, when all such take more than their share or when something needs the room. Whatever
is to be written reserves its room before it begins, so that guests' disks are not written full. A
fetched image holds room for one disk made from it, so that waiting images never stop each other.
"""

import errno
import os
import re
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from exchange.units import MIB
from hostagent.machine.facts import used_bytes

KEPT_FREE_BYTES: Final = 64 * MIB
"""So much stays free on the disk, whatever is asked for."""
NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)
SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")


ROOM_TRIES: Final = 24
ROOM_AGAIN_S: Final = 5.0
"""An image, or a disk made from one, waits two minutes for room."""
STOP_TRIES: Final = 6
"""Half a minute, as a port does, when only a VM that stops could still make room."""


class NoRoomError(OSError):
    """The disk cannot hold it now, with every image gone that nobody waits for.

    ``lasting``: nor with all others gone, so that no VM which comes up makes room for it.
    """

    def __init__(self, size: int, path: Path, lasting: bool = False) -> None:
        super().__init__(errno.ENOSPC, f"no room for {-(-size // MIB)} MiB", str(path))
        self.lasting = lasting


class Patience:
    """How long one thing is tried again that found no room."""

    def __init__(self) -> None:
        self._tries = self._lasting = 0

    @property
    def last(self) -> bool:
        """Whether the next try is the last one."""
        return self._tries >= ROOM_TRIES - 1 or self._lasting >= STOP_TRIES - 1

    def no_room(self, error: OSError) -> None:
        self._tries += 1
        lasting = isinstance(error, NoRoomError) and error.lasting
        self._lasting = self._lasting + 1 if lasting else 0


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class ImageSpace:
    """Of the images in ``folder``. Those that nobody waits for may take ``cache_bytes`` together.

    ``free`` measures the disk. Methods may be called from any thread.
    """

    def __init__(
        self, folder: Path, cache_bytes: int, free: Callable[[Path], int] = free_bytes
    ) -> None:
        self._folder = folder
        self._measure = free
        self._cache_bytes = cache_bytes
        self._needed: frozenset[str] = frozenset()
        self._reserved: dict[Path, int] = {}
        self._lock = threading.RLock()

    def need(self, images: frozenset[str]) -> None:
        """Exactly these are waited for now; for the others no room for a disk is held."""
        with self._lock:
            gone, self._needed = self._needed - images, images
            for path in list(self._reserved):
                if path.parent == self._folder and path.name in gone:
                    del self._reserved[path]

    def reserve(self, path: Path, size: int, source: Path | None = None) -> None:
        """Set ``size`` bytes aside for what will be written to ``path``, until `release`.

        ``source``: what it is made from, which must stay. Raises `NoRoomError`, with nothing set
        aside.
        """
        with self._lock:
            droppable = self._droppable()
            while self._free() < size and droppable:
                _drop(droppable.pop(0))
            if self._free() < size:
                raise NoRoomError(size, path, size > self._most(source))
            self._reserved[path] = size

    def pass_on(self, held: Path, path: Path, size: int) -> None:
        """Reserve for ``path`` out of what was set aside for ``held``; fails as `reserve` does."""
        with self._lock:
            before = self._reserved.pop(held, None)
            try:
                self.reserve(path, size, held)
            except NoRoomError:
                if before is not None:
                    self._reserved[held] = before
                raise

    def release(self, path: Path) -> None:
        with self._lock:
            self._reserved.pop(path, None)

    def trim(self, used_now: str = "") -> None:
        """Drop what is beyond the share of images that nobody waits for, except ``used_now``."""
        with self._lock:
            droppable = self._droppable()
            taken = {folder: used_bytes(folder) for folder in droppable}
            total = sum(taken.values())
            for folder in droppable:
                if total > self._cache_bytes and folder.name != used_now:
                    _drop(folder)
                    total -= taken[folder]

    def _droppable(self) -> list[Path]:
        """Return the images that nobody waits for, the one unused for longest first."""
        found = [path for path in self._folder.iterdir() if SHA256.match(path.name)]
        idle = [path for path in found if path.name not in self._needed]
        return sorted(idle, key=lambda path: (path.stat().st_mtime_ns, path.name))

    def _most(self, source: Path | None) -> int:
        """Return what is free with all images gone, those that are waited for or half here too."""
        others = sum(used_bytes(path) for path in self._folder.iterdir() if path != source)
        return self._measure(self._folder) + others - KEPT_FREE_BYTES

    def _free(self) -> int:
        """Return what is free and not set aside for what is being written."""
        to_come = sum(max(0, size - _written(path)) for path, size in self._reserved.items())
        return self._measure(self._folder) - to_come - KEPT_FREE_BYTES


def _written(path: Path) -> int:
    try:
        return os.stat(path).st_blocks * 512
    except OSError:
        return 0


def _drop(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
