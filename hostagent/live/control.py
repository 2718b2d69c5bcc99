"""The two files through which the running role and the console communicate. Shell."""

import os
from pathlib import Path

import msgspec

from hostagent.live import rootfs
from hostagent.live.status import Status

FOLDER = Path(rootfs.RUN)
STATUS = FOLDER / "status.json"
TYPED = FOLDER / "typed.toml"


def write_status(status: Status) -> None:
    _write(STATUS, msgspec.json.encode(status))


def read_status() -> Status:
    """Return what was written last; before that, a status that says so."""
    try:
        return msgspec.json.decode(STATUS.read_bytes(), type=Status)
    except (OSError, msgspec.DecodeError):
        return Status()


def write_typed(text: str) -> None:
    _write(TYPED, text.encode())


def _write(path: Path, data: bytes) -> None:
    """Replace a file in one step, so that no reader sees half of it. Only root may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_bytes(data)
    fresh.chmod(0o600)
    os.replace(fresh, path)
