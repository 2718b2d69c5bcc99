"""VM images on disk, named by the SHA-256 of their bytes. Shell; every call blocks.

A partial upload is a file per account and digest, so an upload can be resumed and nobody gains an
image by uploading the last byte of another's. A file gets its final name only after all its bytes
were hashed and synced.
"""

import errno
import os
from hashlib import file_digest
from pathlib import Path
from typing import Final

from exchange.wire.image_kind import HEAD_BYTES
from exchange.wire.text import account_tag

DIR_NAME: Final = "images"
PART_NAME: Final = "partial"
KEPT_S: Final = 7 * 86_400
"""Images without an owner, and uploads that nobody continues, are deleted after this time."""


class ImageStore:
    """``DIR/images``: finished images by digest, uploads under way in ``partial/``."""

    def __init__(self, data_dir: Path) -> None:
        self._dir = data_dir / DIR_NAME
        self._parts = self._dir / PART_NAME

    def check(self) -> None:
        """Raises `OSError` when images cannot be kept here; a missing folder is made."""
        for folder in (self._dir, self._parts):
            if not os.path.lexists(folder):
                continue
            next(folder.iterdir(), None)
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    def path(self, digest: str) -> Path:
        """Return where the finished image is."""
        return self._dir / digest

    def offset(self, account: str, digest: str) -> int:
        """Return how many bytes of an upload are here already."""
        part = self._part(account, digest)
        return part.stat().st_size if part.exists() else 0

    def append(self, account: str, digest: str, chunks: list[bytes]) -> None:
        """Add bytes to an upload."""
        self._parts.mkdir(parents=True, exist_ok=True)
        with self._part(account, digest).open("ab") as file:
            file.writelines(chunks)

    def drop(self, account: str, digest: str) -> None:
        """Delete an upload's partial file."""
        self._part(account, digest).unlink(missing_ok=True)

    def head(self, account: str, digest: str) -> bytes:
        """Return the first bytes of an upload."""
        with self._part(account, digest).open("rb") as file:
            return file.read(HEAD_BYTES)

    def finish(self, account: str, digest: str) -> bool:
        """Hash a complete upload and give it its final name. If the digest does not match, delete
        the bytes and return False."""
        part = self._part(account, digest)
        with part.open("r+b") as file:
            found = file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        if found != digest:
            self.drop(account, digest)
            return False
        os.replace(part, self.path(digest))
        self._sync()
        return True

    def read(self, digest: str, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes of a finished image. Raises `OSError`, also at the image's
        end."""
        with self.path(digest).open("rb") as file:
            file.seek(offset)
            data = file.read(size)
        if not data:
            raise OSError(errno.EIO, "bytes of an image are gone")
        return data

    def names(self) -> list[str]:
        """Return the digests of all finished images on disk."""
        return sorted(path.name for path in self._files(self._dir))

    def partials(self) -> list[tuple[str, str, int]]:
        """Return (account tag, digest, bytes) of every upload that is not finished."""
        found = []
        for path in self._files(self._parts):
            digest, _, tag = path.name.partition(".")
            found.append((tag, digest, path.stat().st_size))
        return found

    def sweep(self, owned: list[str], now_s: float) -> int:
        """Delete expired images and uploads; returns how many.

        Each run updates the file time of every owned image. So the time says when the image was
        last owned, and nothing else has to survive a restart.
        """
        for name in owned:
            os.utime(self.path(name), (now_s, now_s))
        files = self._files(self._dir) + self._files(self._parts)
        over = [path for path in files if path.stat().st_mtime < now_s - KEPT_S]
        for path in over:
            path.unlink()
        return len(over)

    def _files(self, folder: Path) -> list[Path]:
        return [path for path in folder.iterdir() if path.is_file()] if folder.is_dir() else []

    def _part(self, account: str, digest: str) -> Path:
        return self._parts / f"{digest}.{account_tag(account)}"

    def _sync(self) -> None:
        handle = os.open(self._dir, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
