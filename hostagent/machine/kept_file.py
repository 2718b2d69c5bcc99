"""Keeps `Kept` in a file of the state folder. Shell module.

Each host's key has a file of its own, since several agents may share a folder. A file that is lost
or spoiled costs what it was for, and nothing else.
"""

import contextlib
import os
from pathlib import Path

import msgspec

from exchange import files
from exchange.log import log
from exchange.wire.types import Capacity
from hostagent.core import log_events
from hostagent.core.kept import Kept, KeptOffer

BYTES_MAX = 64 * 1024
RISK = "the offer may change with the next restart"


class KeptFile:
    """What was kept when the agent started is in ``kept``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written = b""
        self.kept = self._read() if os.path.lexists(path) else Kept()

    def keep_capacity(self, capacity: Capacity) -> None:
        self._keep(Kept(capacity, self.kept.offer))

    def keep_offer(self, offer: KeptOffer) -> None:
        if offer != self.kept.offer:
            self._keep(Kept(self.kept.capacity, offer))

    def _keep(self, kept: Kept) -> None:
        """Have ``kept`` on the disk, in one step; what cannot be written is said and left."""
        self.kept = kept
        data = msgspec.json.encode(kept)
        if data != self._written and put(self._path, data, RISK):
            self._written = data

    def _read(self) -> Kept:
        try:
            self._written = files.read(self._path, BYTES_MAX)
            return msgspec.json.decode(self._written, type=Kept)
        except (OSError, msgspec.DecodeError) as error:
            log.write(log_events.not_kept(str(self._path), str(error), RISK))
            return Kept()


def put(path: Path, data: bytes, risk: str) -> bool:
    """Have ``data`` in the file ``path``, in one step. What cannot be written is said, with
    ``risk``, and what was there before stays."""
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        log.write(log_events.not_kept(str(path), files.why(error), risk))
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        return False
    return True
