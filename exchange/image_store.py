"""VM images on disk, named by the SHA-256 of their bytes. Shell; every call blocks.

A partial upload is a file per account and digest, so an upload can be resumed and nobody gains an
image by uploading the last byte of another's. A file gets its final name only after all its bytes
were hashed and synced.
"""

import os
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Final

DIR_NAME: Final = "images"
PART_NAME: Final = "partial"


class ImageStore:
    """``DIR/images``: finished images by digest, uploads under way in ``partial/``."""

    def __init__(self, data_dir: Path) -> None:
        self._dir = data_dir / DIR_NAME
        self._parts = self._dir / PART_NAME

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

    def finish(self, account: str, digest: str) -> bool:
        """Hash a complete upload and give it its name; False, and the bytes are gone, when the
        digest is another."""
        part = self._part(account, digest)
        with part.open("r+b") as file:
            found = file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        if found != digest:
            part.unlink()
            return False
        os.replace(part, self.path(digest))
        self._sync()
        return True

    def read(self, digest: str, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes of a finished image."""
        with self.path(digest).open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def delete(self, digest: str) -> None:
        """Remove an image nobody owns any more."""
        self.path(digest).unlink(missing_ok=True)

    def _part(self, account: str, digest: str) -> Path:
        # An account's name may hold any printable character, a path separator too.
        return self._parts / f"{digest}.{sha256(account.encode()).hexdigest()[:16]}"

    def _sync(self) -> None:
        handle = os.open(self._dir, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
