"""Snapshots on disk: files beside the journal that only shorten a start. Shell.

The journal stays the authority: a snapshot names the row after which it was taken and that row's
digest, and a snapshot that does not match the rows is ignored. A file is written under another
name, synced and renamed, so it is complete or absent; its last 32 bytes are the SHA-256 of the
rest. Why files and not a table: docs/decisions/0020-snapshots.md.
"""

import os
import re
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from exchange.model.stories import split

KEPT: Final = 2
"""Two snapshots are kept: a start uses the older one when the newest is damaged."""

LAYOUT: Final = 3
"""Of the rows in a snapshot's state and memory: one more with each change of them."""
_KIND: Final = b"headroom-snapshot-"
_MAGIC: Final = b"%b%d\n" % (_KIND, LAYOUT)
_PREFIX: Final = "snapshot-"
_NAME: Final = re.compile(rf"{_PREFIX}\d{{16}}")
_DIGEST_BYTES: Final = sha256().digest_size
_WRITE_BYTES: Final = 1 << 20


class SnapshotError(Exception):
    """A snapshot file cannot be used. ``str()`` is one line for the user."""


class OtherLayoutError(SnapshotError):
    """The file is intact but from another release, so this one cannot use it. The file is not
    damaged."""


class SnapshotFile(Struct, frozen=True, array_like=True):
    """The exchange's state after row ``seq``: a start restores it instead of replaying."""

    rules: int
    """Release of the engine's rules that wrote it."""
    seq: int
    now_ms: int
    chain: bytes
    """The journal's digest of row ``seq``: it ties the file to one journal."""
    state_hash: str
    """`Engine.state_hash`: hex SHA-256 of ``state`` without the evidence history."""
    state: bytes
    """`Engine.snapshot`."""
    memory: bytes
    """Market data that the engine does not hold: `Feed.memory`."""


_DECODER: Final = msgspec.msgpack.Decoder(SnapshotFile)


def path_of(data_dir: Path, seq: int) -> Path:
    return data_dir / f"{_PREFIX}{seq:016d}"


def seq_of(path: Path) -> int:
    return int(path.name.removeprefix(_PREFIX))


def write(data_dir: Path, snapshot: SnapshotFile) -> int:
    """Store ``snapshot`` durably and delete all but the newest `KEPT`; returns its size in bytes.

    Raises `OSError`.
    """
    path = path_of(data_dir, snapshot.seq)
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    body, digest = _sealed(snapshot)
    with draft.open("wb", buffering=0) as file:
        _write_all(file.fileno(), body)
        _write_all(file.fileno(), digest)
        os.fsync(file.fileno())
    os.replace(draft, path)
    sync_dir(data_dir)
    for old in newest_first(data_dir)[KEPT:]:
        old.unlink(missing_ok=True)
    return len(body) + len(digest)


def encoded(snapshot: SnapshotFile) -> bytes:
    """Return the bytes that a snapshot is stored as."""
    return b"".join(_sealed(snapshot))


def _sealed(snapshot: SnapshotFile) -> tuple[bytes, bytes]:
    body = _MAGIC + msgspec.msgpack.encode(snapshot)
    return body, sha256(body).digest()


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view[:_WRITE_BYTES]) :]


def read(path: Path) -> SnapshotFile:
    """Return a stored snapshot whose hashes are right, or raise `SnapshotError`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SnapshotError(f"{path}: {error.strerror}") from error
    return decoded(data, str(path))


def decoded(data: bytes, path: str) -> SnapshotFile:
    """Return the snapshot that is stored as ``data`` at ``path``, or raise `SnapshotError`."""
    body, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if not body.startswith(_KIND) or sha256(body).digest() != digest:
        raise SnapshotError(f"{path}: its hash does not agree with its contents")
    if not body.startswith(_MAGIC):
        raise OtherLayoutError(f"{path}: its layout is another release's")
    try:
        snapshot = _DECODER.decode(body[len(_MAGIC) :])
    except msgspec.MsgspecError as error:
        raise SnapshotError(f"{path}: {error}") from error
    if sha256(split(snapshot.state)[0]).hexdigest() != snapshot.state_hash:
        raise SnapshotError(f"{path}: its state hash does not agree with its state")
    return snapshot


def newest_first(data_dir: Path) -> list[Path]:
    """Return the snapshot files of a data directory; their names are in the order of ``seq``.

    Other files, such as a copy that somebody made, are ignored.
    """
    found = [path for path in data_dir.glob(f"{_PREFIX}*") if _NAME.fullmatch(path.name)]
    return sorted(found, reverse=True)


def drop_drafts(data_dir: Path) -> None:
    """Remove files that a killed exchange left half written. The caller must hold the directory's
    lock."""
    for draft in data_dir.glob(f"{_PREFIX}*.new"):
        draft.unlink(missing_ok=True)


def sync_dir(path: Path) -> None:
    """Make a rename in ``path`` durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
