"""Who may write the journal, as a standby asks it. Shell.

`DataLead` is the lock of a data directory: the kernel gives it up when its process ends, whichever
way, and not before. So a process that merely sleeps keeps it, and can go on. That of a journal in
PostgreSQL is `exchange.postgres.standby_lead`.
"""

from pathlib import Path
from typing import Protocol

from exchange.recovery.loading import Loaded
from exchange.server.server import Settings, serve
from exchange.storage import whereabouts
from exchange.storage.sqlite_journal import DataLock, InUseError


class Lead(Protocol):
    """Methods block for no longer than a look at the journal; they raise `DataDirError`, and
    `AwayError` where that may pass."""

    def take(self) -> bool:
        """Become the one that may write; False while another is. True again once we are."""

    def leader_url(self) -> str:
        """Return where clients find who writes, "" when that is not known."""

    def wait_at(self, url: str) -> None:
        """Say where this standby will serve, so that the leader can send its clients there."""

    async def serve(self, settings: Settings, loaded: Loaded) -> int:
        """Serve what was taken, until it ends; returns the exit code."""

    def give_up(self) -> None:
        """Wait no more, and lead no more."""


class DataLead:
    """See `Lead`."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock = DataLock(data_dir)
        self._leads = False

    def take(self) -> bool:
        if not self._leads:
            try:
                self._lock.__enter__()
            except InUseError:
                return False
            self._leads = True
            whereabouts.forget_standby(self._data_dir)
        return True

    def leader_url(self) -> str:
        return whereabouts.leader(self._data_dir)

    def wait_at(self, url: str) -> None:
        whereabouts.note_standby(self._data_dir, url)

    async def serve(self, settings: Settings, loaded: Loaded) -> int:
        return await serve(settings, loaded)

    def give_up(self) -> None:
        if self._leads:
            self._leads = False
            self._lock.__exit__(None, None, None)
        else:
            whereabouts.forget_standby(self._data_dir)
