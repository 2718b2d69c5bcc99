"""Where clients find the process that serves a data directory, and its standby. Shell.

Each notes its address in a file: the first in the lock that it holds, the standby beside it. They
are hints for clients only: who may write is the lock's affair. A process that was killed leaves its
note behind, so an address may be one where nobody listens any more.
"""

from pathlib import Path
from typing import Final

from exchange import files
from exchange.storage.sqlite_journal import LOCK_NAME, DataDirError

STANDBY_NAME: Final = "standby"
URL_BYTES_MAX: Final = 512


def note_leader(data_dir: Path, url: str) -> None:
    """Note where the holder of the lock serves. Raises `DataDirError`."""
    _write(data_dir / LOCK_NAME, url)


def leader(data_dir: Path) -> str:
    """Return where the holder of the lock serves, "" when nobody noted it."""
    return _read(data_dir / LOCK_NAME)


def note_standby(data_dir: Path, url: str) -> None:
    """Note where a standby will serve. Raises `DataDirError`."""
    _write(data_dir / STANDBY_NAME, url)


def standby(data_dir: Path) -> str:
    """Return where the standby will serve, "" when there is none."""
    return _read(data_dir / STANDBY_NAME)


def forget_standby(data_dir: Path) -> None:
    """There is no standby any more."""
    (data_dir / STANDBY_NAME).unlink(missing_ok=True)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(URL_BYTES_MAX).decode("ascii", "ignore").strip()
    except OSError:
        return ""


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n")
    except OSError as error:
        raise DataDirError(f"{path}: {files.why(error)}") from error
