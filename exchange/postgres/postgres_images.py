"""Images in PostgreSQL, by parts, so that any process that takes over has them. Shell; every call
blocks.

The scratch folder holds uploads under way and a copy of each image that was sent or asked for.
"""

import errno
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from exchange.postgres.connecting import Connection, DatabaseError, ask, asking
from exchange.postgres.schema import PART_BYTES
from exchange.storage.images import KEPT_S, ImageStore

_NAMES: Final = "SELECT digest FROM headroom.images ORDER BY digest"
_PART: Final = "SELECT body FROM headroom.image_parts WHERE digest = $1 AND part = $2"
_ADD_PART: Final = "INSERT INTO headroom.image_parts VALUES ($1, $2, $3)"
_ADD: Final = "INSERT INTO headroom.images VALUES ($1, $2, $3)"
_OWNED: Final = "UPDATE headroom.images SET owned_s = $2 WHERE digest = ANY($1)"
_EXPIRED: Final = """
WITH gone AS (DELETE FROM headroom.images WHERE owned_s < $1 RETURNING 1)
SELECT count(*) FROM gone"""
T = TypeVar("T")


class PostgresImages(ImageStore):
    """`ImageStore` whose finished images are in the database at ``url``."""

    def __init__(self, url: str, scratch: Path) -> None:
        super().__init__(scratch)
        self._url = url

    def finish(self, account: str, digest: str) -> bool:
        if not super().finish(account, digest):
            return False
        store_image(self._url, self.path(digest))
        return True

    def read(self, digest: str, offset: int, size: int) -> bytes:
        if not self.path(digest).exists():
            self._fetch(digest)
        return super().read(digest, offset, size)

    def names(self) -> list[str]:
        return _asked(self._url, names)

    def sweep(self, owned: list[str], now_s: float) -> int:
        async def swept(connection: Connection) -> int:
            await connection.execute(_OWNED, owned, int(now_s))
            before_s = int(now_s) - KEPT_S
            gone: int = await connection.fetchval(_EXPIRED, before_s)
            return gone

        gone = _asked(self._url, swept)
        super().sweep([name for name in owned if self.path(name).exists()], now_s)
        return gone

    def _fetch(self, digest: str) -> None:
        path = self.path(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        fetch_image(self._url, digest, path)


async def names(connection: Connection) -> list[str]:
    return [row[0] for row in await connection.fetch(_NAMES)]


def store_image(url: str, path: Path) -> None:
    """Copy a finished image, which is named by its digest. Raises `OSError`."""
    digest, stat = path.name, path.stat()
    head = (digest, stat.st_size, int(stat.st_mtime))

    async def stored(connection: Connection) -> None:
        async with connection.transaction():
            if digest in await names(connection):
                return
            await connection.execute(_ADD, *head)
            with path.open("rb") as file:
                part = 0
                while body := file.read(PART_BYTES):
                    await connection.execute(_ADD_PART, digest, part, body)
                    part += 1

    _asked(url, stored)


def fetch_image(url: str, digest: str, path: Path) -> None:
    """Write an image to ``path``. Raises `OSError`."""
    draft = path.with_name(f"{path.name}.new")
    try:
        with asking(url) as asker, draft.open("wb") as file:
            part = 0
            while body := asker.ask(lambda c: c.fetchval(_PART, digest, part)):  # noqa: B023
                file.write(body)
                part += 1
    except DatabaseError as error:
        raise OSError(errno.EAGAIN, str(error)) from error
    os.replace(draft, path)


def _asked(url: str, work: Callable[[Connection], Awaitable[T]]) -> T:
    try:
        return ask(url, work)
    except DatabaseError as error:
        raise OSError(errno.EAGAIN, str(error)) from error
