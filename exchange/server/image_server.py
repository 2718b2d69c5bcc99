"""The bytes of image transfers, on /v1/images. Shell: disk and hashing run in threads.

The gateway has checked permissions; this module moves the bytes. An upload's chunks are queued by
the connection up to a bound and written in the order they came; a download is paced by its reader.
"""

import asyncio
import errno
from typing import Final, TypeAlias

from exchange.gateway import log_events
from exchange.log import log
from exchange.server.connection import WireConnection
from exchange.server.pump import Pump
from exchange.session.outbox import ImageJob
from exchange.storage.images import ImageStore
from exchange.wire.close_codes import CLOSE_INTERNAL
from exchange.wire.frames import Ack, ErrorReply
from exchange.wire.image_kind import mistake
from exchange.wire.reasons import RefusalReason
from exchange.wire.requests import ImageGet, ImagePut
from exchange.wire.text import account_tag

CHUNK_BYTES: Final = 256 * 1024
QUEUED_MAX_BYTES: Final = 4 * CHUNK_BYTES
READ_TIMEOUT_S: Final = 30
CHUNK_TIMEOUT_S: Final = 30
"""An uploader that sends nothing for this long counts as gone; it may resume later."""

Refusal: TypeAlias = tuple[RefusalReason, str]
_SILENT: Final[Refusal] = ("busy", "no bytes for too long; resume the upload")
_PASSING: Final = frozenset(
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
        *(errno.EAGAIN, errno.EINTR, errno.EBUSY, errno.ETIMEDOUT),
    }
)
"""Disk faults that may pass: the same request may succeed later."""


class Chunks:
    """Binary frames between a connection and the disk, bounded by pausing the connection."""

    def __init__(self, connection: WireConnection) -> None:
        self._connection = connection
        self._chunks: list[bytes] = []
        self._bytes = 0
        self._arrived = asyncio.Event()

    def put(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._bytes += len(chunk)
        if self._bytes >= QUEUED_MAX_BYTES:
            self._connection.chunks_wait = True
            self._connection.transport.pause_reading()
        self._arrived.set()

    async def take(self) -> list[bytes]:
        """Wait for chunks and return all that arrived; raises `TimeoutError`."""
        async with asyncio.timeout(CHUNK_TIMEOUT_S):
            await self._arrived.wait()
        self._arrived.clear()
        chunks, self._chunks, self._bytes = self._chunks, [], 0
        self._connection.chunks_wait = False
        self._connection.resume()
        return chunks


class ImageServer:
    """Carries out the gateway's image jobs."""

    def __init__(self, store: ImageStore, pump: Pump) -> None:
        self._store = store
        self._pump = pump
        self._receiving: set[tuple[str, str]] = set()
        """(account, digest) of the uploads under way: two at once would mix their bytes."""
        self._sending: set[int] = set()
        """Sessions that are downloading an image: each holds a chunk in memory."""

    def find_partials(self) -> None:
        """Called at the start: unfinished uploads still count for the quota. Raises `OSError`."""
        self._store.check()
        for tag, digest, size in self._store.partials():
            self._pump.gateway.uploads.reserve(tag, digest, size)

    async def sweep(self, now_s: float) -> int:
        """Delete what nobody has owned, or gone on uploading, for 7 days; returns how many files.
        Raises `OSError` (`TimeoutError` is one)."""
        names = await asyncio.to_thread(self._store.names)
        image = self._pump.gateway.engine.image
        async with asyncio.timeout(READ_TIMEOUT_S):
            owned = await self._pump.read(lambda: [name for name in names if image(name)])
        deleted = await asyncio.to_thread(self._store.sweep, owned, now_s)
        partials = await asyncio.to_thread(self._store.partials)
        kept = {(account_tag(account), digest) for account, digest in self._receiving}
        self._pump.gateway.uploads.retain(kept | {(tag, digest) for tag, digest, _ in partials})
        return deleted

    def start(self, job: ImageJob) -> None:
        """Begin ``job`` unless its connection is gone or busy with an upload."""
        connection = self._pump.connections.get(job.session)
        if not isinstance(connection, WireConnection):  # None: it is gone; images need a socket
            return
        if connection.take_chunk is not None or job.session in self._sending:
            self._refuse(connection, job, "busy", "one image at a time on a connection")
            return
        message = job.message
        if isinstance(message, ImagePut):
            if (job.account, message.sha256) in self._receiving:
                self._refuse(connection, job, "busy", "another connection uploads this image")
                return
            self._receiving.add((job.account, message.sha256))
            # Set before the ack is sent, so that no chunk is taken for a request.
            chunks = Chunks(connection)
            connection.take_chunk = chunks.put
            connection.spawn(self._put(connection, job, message, chunks))
        else:
            self._sending.add(job.session)
            connection.spawn(self._get(connection, job, message))

    async def _put(
        self, connection: WireConnection, job: ImageJob, put: ImagePut, chunks: Chunks
    ) -> None:
        refused: Refusal | None
        try:
            refused = await self._receive(connection, job, put, chunks)
        except OSError as error:
            refused = _fault("store", error)
        finally:
            connection.take_chunk = None
            self._receiving.discard((job.account, put.sha256))
        if refused:
            self._refuse(connection, job, *refused)

    async def _receive(
        self, connection: WireConnection, job: ImageJob, put: ImagePut, chunks: Chunks
    ) -> Refusal | None:
        """Receive all bytes; returns why the image is refused, None when it is stored. Raises
        `OSError`."""
        store = self._store
        offset = await asyncio.to_thread(store.offset, job.account, put.sha256)
        offset = put.size if job.size else min(offset, put.size)
        self._reply(connection, job, Ack(put.req_id, result={"offset": offset}))
        while offset < put.size:
            try:
                taken = await chunks.take()
            except TimeoutError:
                return _SILENT
            offset += sum(len(chunk) for chunk in taken)
            if offset > put.size:
                await asyncio.to_thread(store.drop, job.account, put.sha256)
                return self._forget(job, put, f"more than the {put.size} bytes announced")
            await asyncio.to_thread(store.append, job.account, put.sha256, taken)
        if not job.size and (why := await asyncio.to_thread(self._finished, job, put)):
            return self._forget(job, put, why)
        gateway = self._pump.gateway
        self._pump.submit(lambda now_ms: gateway.image_arrived(job, put, now_ms))
        return None

    def _finished(self, job: ImageJob, put: ImagePut) -> str | None:
        """Store the upload if it is the announced image; else delete the bytes and return why."""
        store = self._store
        why = mistake(put.format, put.size, store.head(job.account, put.sha256))
        if why is not None:
            store.drop(job.account, put.sha256)
            return why
        kept = store.finish(job.account, put.sha256)
        return None if kept else "the bytes have another SHA-256"

    def _forget(self, job: ImageJob, put: ImagePut, why: str) -> Refusal:
        """The bytes can never become this image: free their quota, and do not let anybody
        resume."""
        self._pump.gateway.uploads.release(account_tag(job.account), put.sha256)
        return "image_invalid", why

    async def _get(self, connection: WireConnection, job: ImageJob, get: ImageGet) -> None:
        try:
            offset = min(get.offset, job.size)
            data = await self._read(get, offset) if offset < job.size else b""
            result = {"size": job.size, "offset": offset, "format": job.format}
            self._reply(connection, job, Ack(get.req_id, result=result))
        except OSError as error:
            self._refuse(connection, job, *_fault("read", error))
        else:
            await self._send(connection, job, get, offset, data)
        finally:
            self._sending.discard(job.session)

    async def _send(
        self, connection: WireConnection, job: ImageJob, get: ImageGet, offset: int, data: bytes
    ) -> None:
        """Send ``data``, which starts at ``offset``, and the rest of the image."""
        try:
            while data:
                offset += len(data)
                connection.write_payloads([data], binary=True)
                await connection.drain()
                data = await self._read(get, offset) if offset < job.size else b""
        except ConnectionError:
            return  # of the one who read it
        except OSError as error:
            _fault("read", error)
            connection.close_soon(CLOSE_INTERNAL, "the image cannot be read")

    async def _read(self, get: ImageGet, offset: int) -> bytes:
        return await asyncio.to_thread(self._store.read, get.sha256, offset, CHUNK_BYTES)

    def _refuse(
        self, connection: WireConnection, job: ImageJob, reason: RefusalReason, text: str
    ) -> None:
        self._reply(connection, job, ErrorReply(job.message.req_id, reason, text))

    def _reply(self, connection: WireConnection, job: ImageJob, reply: Ack | ErrorReply) -> None:
        session = self._pump.gateway.sessions.get(job.session)
        if session is not None:
            connection.write_payloads([session.codec.encode(reply)])


def _fault(what: str, error: OSError) -> Refusal:
    """The exchange's disk failed, which is not the client's fault: log it, return the refusal."""
    why = error.strerror or str(error)
    log.write(log_events.images_failed(why))
    reason: RefusalReason = "busy" if error.errno in _PASSING else "internal"
    return reason, f"the exchange cannot {what} images now: {why}"
