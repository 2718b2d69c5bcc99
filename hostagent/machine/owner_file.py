"""Keeps whose domains are ours in a file of the state folder. Shell module.

Without it an agent that starts anew sees none of its VMs before it has logged in, and after that
none that was born under an earlier copy of the exchange's journal.
"""

from pathlib import Path

from exchange import files
from exchange.log import log
from hostagent.core import log_events
from hostagent.machine.kept_file import put

BYTES_MAX = 4096
RISK = "VMs of an earlier copy of the exchange's journal may not be found again"


class OwnerFile:
    """``owner`` is what was kept when the agent started; "" when nobody knows, or ``path`` is
    None."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.owner = self._kept = self._read()

    def keep(self, owner: str) -> None:
        """Have ``owner`` on the disk; what cannot be written is said, and tried with the next."""
        if self._path is not None and owner != self._kept and put(self._path, owner.encode(), RISK):
            self._kept = owner

    def _read(self) -> str:
        if self._path is None or not self._path.exists():
            return ""
        try:
            return files.read(self._path, BYTES_MAX).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            log.write(log_events.not_kept(str(self._path), str(error), RISK))
            return ""
