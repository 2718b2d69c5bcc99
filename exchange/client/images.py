"""Move VM images to and from the exchange's store. Part of the public API of `exchange.client`."""

import asyncio
import os
import ssl
import tarfile
from collections.abc import Callable
from hashlib import file_digest
from pathlib import Path
from typing import Any, BinaryIO, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from exchange.client.dial import hung_up, log_in, reach, send, unanswered, urls_of
from exchange.client.errors import Refused, Unknown, Unreachable
from exchange.files import require_regular
from exchange.wire.codec import JSON
from exchange.wire.frames import Ack, ErrorReply
from exchange.wire.image_kind import HEAD_BYTES, by_magic, mistake
from exchange.wire.requests import ImageGet, ImagePut
from exchange.wire.types import ImageFormat, Request
from exchange.wire.urls import IMAGES_PATH, Urls

CHUNK_BYTES: Final = 256 * 1024
ANSWER_TIMEOUT_S: Final = 60
SLOWEST_BYTES: Final = 64 * 1024
"""A download that brings fewer bytes than this within `ANSWER_TIMEOUT_S` is given up."""
BUNDLE_FILES: Final = ("vmlinuz", "initrd.gz")
FORMATS: Final[dict[str, ImageFormat]] = {".qcow2": "qcow2", ".tar": "bundle"}
"""By the end of a file's name; anything else is a raw disk."""


async def put_image(
    url: str | Urls,
    key: Ed25519PrivateKey,
    path: Path,
    image_format: ImageFormat,
    tls: ssl.SSLContext | None = None,
    progress: Callable[[int, int], None] = lambda done, size: None,
) -> str:
    """Upload the file ``path``, going on where an earlier attempt stopped; returns its SHA-256.

    ``progress`` gets the bytes sent so far and the bytes there are. Raises `Refused`,
    `Unreachable`, `Unknown` (connection lost: call again) or `OSError`.
    """
    digest, size = await asyncio.to_thread(_measure, path)
    urls = urls_of(url)
    connection = await _open(urls, key, tls)
    try:
        request = ImagePut(req_id=2, sha256=digest, size=size, format=image_format)
        begun = await _ask(connection, request)
        with path.open("rb") as file:
            progress(file.seek(begun["offset"]), size)
            while chunk := await asyncio.to_thread(file.read, CHUNK_BYTES):
                await connection.send(chunk)
                progress(file.tell(), size)
        await _answer(connection)
    except ConnectionClosed as error:
        raise Unknown(unanswered(hung_up(error))) from error
    finally:
        await connection.close()
    return digest


async def fetch_image(
    url: str | Urls,
    key: Ed25519PrivateKey,
    sha256: str,
    path: Path,
    tls: ssl.SSLContext | None = None,
    begins: Callable[[int], None] = lambda size: None,
) -> str:
    """Download an image to ``path`` (resumed when it exists in part); returns its format.

    ``begins`` is told the size in bytes before any is written, and may raise what ends it.
    The bytes are verified: a wrong digest removes the file and raises `Unreachable`.
    """
    urls = urls_of(url)
    connection = await _open(urls, key, tls)
    try:
        with path.open("ab") as file:
            request = ImageGet(req_id=2, sha256=sha256, offset=file.tell())
            begun = await _ask(connection, request)
            begins(begun["size"])
            await _take(connection, file, begun["size"] - begun["offset"])
    except ConnectionClosed as error:
        raise Unknown(unanswered(hung_up(error))) from error
    finally:
        await connection.close()
    found, _ = await asyncio.to_thread(_measure, path)
    if found != sha256:
        await asyncio.to_thread(path.unlink)
        raise Unreachable(
            f"{urls.first}: the bytes of image {sha256[:12]} were wrong; fetch it again"
        )
    return str(begun["format"])


def looked_at(path: Path) -> tuple[ImageFormat, str | None]:
    """Return the format of a disk image or bundle, and why it is none. Raises `OSError`."""
    require_regular(path)
    with path.open("rb") as file:
        head, size = file.read(HEAD_BYTES), os.fstat(file.fileno()).st_size
    image_format = by_magic(head, FORMATS.get(path.suffix.lower(), "raw"))
    return image_format, mistake(image_format, size, head)


def pack_bundle(folder: Path, out: Path) -> None:
    """Write the tar of a kernel and initrd; the same files always give the same digest."""
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name in BUNDLE_FILES:
            info = tarfile.TarInfo(name)
            info.size = (folder / name).stat().st_size
            info.mode = 0o644
            with (folder / name).open("rb") as file:
                tar.addfile(info, file)


async def _open(urls: Urls, key: Ed25519PrivateKey, tls: ssl.SSLContext | None) -> ClientConnection:
    connection, hello = await reach(urls, IMAGES_PATH, JSON, tls)
    try:
        await log_in(connection, hello, JSON, key)
    except BaseException:
        connection.transport.abort()
        raise
    return connection


async def _ask(connection: ClientConnection, request: Request) -> Any:
    await send(connection, JSON, request)
    return await _answer(connection)


async def _answer(connection: ClientConnection) -> Any:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            reply = JSON.decode_frame(await connection.recv(decode=False))
    except TimeoutError as error:
        raise Unknown(f"no answer within {ANSWER_TIMEOUT_S} s") from error
    if isinstance(reply, ErrorReply):
        raise Refused(reply)
    if not isinstance(reply, Ack):
        raise Unreachable(f"the exchange answered with {type(reply).__name__}")
    return reply.result


async def _take(connection: ClientConnection, file: BinaryIO, left: int) -> None:
    while left > 0:
        enough = left - min(left, SLOWEST_BYTES)
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                while left > enough:
                    chunk = await connection.recv(decode=False)
                    left -= len(chunk)
                    await asyncio.to_thread(file.write, chunk)
        except TimeoutError as error:
            text = f"less than {SLOWEST_BYTES // 1024} KiB within {ANSWER_TIMEOUT_S} s"
            raise Unknown(f"{text}; ask again") from error
    file.flush()
    os.fsync(file.fileno())


def _measure(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest(), os.fstat(file.fileno()).st_size
