"""The folder that a cluster on this machine lives in. Shell."""

import re
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from exchange.cluster.child import call
from exchange.cluster.programs import Account, ClusterError

T = TypeVar("T")
_PLAIN: Final = re.compile(r"/[\w./+-]*", re.ASCII)


def check(folder: Path, account: Account) -> None:
    """Make ``folder`` if it is missing. Raises `ClusterError` if ``account`` may not go in."""
    if not _PLAIN.fullmatch(str(folder)):
        raise ClusterError(f"{folder}: a whole path of letters, digits and ./+-_ is needed here")
    try:
        if not folder.exists():
            folder.mkdir(mode=0o711)
            folder.chmod(0o711)
    except OSError as error:
        raise ClusterError(f"{folder}: {error.strerror}") from None
    try:
        call(["test", "-x", str(folder)], account)
    except ClusterError:
        who = f"user {account.name}" if account.name else "you"
        raise ClusterError(f"{folder}: {who} may not go in there; choose another folder") from None


def write_secret(path: Path, text: str, account: Account | None = None) -> None:
    """Write a file that ``account`` alone may read; without one, we alone."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.touch(0o600)
    fresh.write_text(text)
    if account is not None:
        account.own(fresh)
    fresh.replace(path)


def remembered(path: Path, kind: type[T]) -> T | None:
    """Return what an earlier run wrote to ``path``, None for nothing. Raises `ClusterError`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise ClusterError(f"{path}: {error}") from None
