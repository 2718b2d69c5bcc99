"""Open a connection to an exchange and log in, or say in one line why not. Shell."""

import asyncio
import os
import ssl
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from exchange.client.errors import Refused, Unreachable
from exchange.keys import public_key_b64, sign_b64
from exchange.wire import close_codes, urls
from exchange.wire.close_codes import CLOSE_BAD_LOGIN, CLOSE_RESTART
from exchange.wire.codec import SUBPROTOCOL, Codec
from exchange.wire.frames import Ack, ErrorReply, Hello
from exchange.wire.login import login_message
from exchange.wire.types import MAX_FRAME_BYTES, PROTOCOL_VERSION
from exchange.wire.urls import Urls

OPEN_TIMEOUT_S: Final = 5
CLOSE_TIMEOUT_S: Final = 2
PING_S: Final = 10
FRAME_MAX_BYTES: Final = 256 * MAX_FRAME_BYTES
"""16 MiB: exchanges before minor version 1 send a whole book or account in one frame."""
LATER_STATUS: Final = {
    429: "too many connections from here",
    502: "no exchange behind the proxy",
    503: "no room for a connection now",
    504: "no exchange behind the proxy",
}
"""HTTP answers to a handshake that mean: later."""

T = TypeVar("T")


class Wire(ClientConnection):
    """The library's connection, except that it never writes to a lost transport: asyncio would warn
    on stderr."""

    def send_data(self) -> None:
        """Write the protocol's pending bytes. Raises `ConnectionResetError` when the connection is
        lost, which the library turns into `ConnectionClosed`."""
        if self.transport.is_closing():
            raise ConnectionResetError("the connection is lost")
        super().send_data()


def hung_up(error: ConnectionClosed) -> str:
    """Return in words how a connection ended; the exchange may have said why."""
    code, reason, by_us = _ending(error)
    return close_codes.in_words(code, reason, by_us)


def close_code(error: ConnectionClosed) -> int:
    """Return the code with which a connection ended, `CLOSE_LOST` when without one."""
    return _ending(error)[0]


def elsewhere(error: ConnectionClosed) -> str:
    """Return the address that serves instead, as the exchange said; "" when it did not."""
    code, reason, by_us = _ending(error)
    return urls.named(reason) if code == CLOSE_RESTART and not by_us else ""


def shut_out(code: int, reason: str) -> Refused | None:
    """Return the refusal when a close means that our key will not be accepted again, else None."""
    if code != CLOSE_BAD_LOGIN:
        return None
    return Refused(ErrorReply(0, "bad_signature", reason or close_codes.in_words(code, "")))


def _ending(error: ConnectionClosed) -> tuple[int, str, bool]:
    """Return (code, reason, by us) of the close frame that ended it."""
    by_us = error.sent is not None and not error.rcvd_then_sent
    close = error.sent if by_us else error.rcvd
    if close is None:
        return close_codes.CLOSE_LOST, "", False
    return close.code, close.reason, by_us


def unanswered(cause: str) -> str:
    """Return the error for requests that were waiting when the connection was lost.

    Repeating them is safe: requests that move money carry an id chosen by the client.
    """
    return f"{cause} before it answered; ask again"


def endpoint(url: str, path: str) -> str:
    """Return the WebSocket address of ``path`` on the exchange at ``url``.

    ``url`` may be ``ws://host:port`` with or without one of our paths, or its http form; of several
    with commas between them the first counts. Raises `Unreachable` when one is not ours.
    """
    return urls.endpoint(urls_of(url).first, path)


def urls_of(url: str | Urls) -> Urls:
    """Return the addresses of ``url``, several with commas between. Raises `Unreachable`."""
    try:
        return url if isinstance(url, Urls) else Urls(url)
    except ValueError as error:
        raise Unreachable(str(error)) from error


async def reach(
    where: Urls, path: str, codec: Codec, tls: ssl.SSLContext | None = None
) -> tuple[ClientConnection, Hello]:
    """Connect to the first of ``where`` that answers, each tried once. Raises `Unreachable`."""
    failed: list[Unreachable] = []
    for url in where.each():
        try:
            reached = await dial(url, path, codec, tls)
        except Unreachable as error:
            failed.append(error)
            where.go_to(error.go_to)
        else:
            where.worked(url)
            return reached
    longest_s = max(error.retry_after_s for error in failed)
    raise Unreachable("; ".join(str(error) for error in failed), longest_s) from failed[-1]


async def dial(
    url: str, path: str, codec: Codec, tls: ssl.SSLContext | None = None
) -> tuple[ClientConnection, Hello]:
    """Connect to one address and read the `Hello`. Raises `Unreachable`."""
    address = endpoint(url, path)
    secure: dict[str, Any] = {"ssl": tls} if tls and address.startswith("wss:") else {}
    opening = connect(
        address,
        subprotocols=[Subprotocol(SUBPROTOCOL[codec.name])],
        compression=None,
        open_timeout=OPEN_TIMEOUT_S,
        close_timeout=CLOSE_TIMEOUT_S,
        ping_interval=PING_S,
        ping_timeout=PING_S,
        max_size=FRAME_MAX_BYTES,
        user_agent_header=None,
        proxy=None,
        create_connection=Wire,
        **secure,
    )
    connection = await _reached(address, opening)
    hello = await _first(address, connection, codec)
    return connection, hello


async def log_in(
    connection: ClientConnection, hello: Hello, codec: Codec, key: Ed25519PrivateKey
) -> Ack:
    """Prove possession of ``key``; the ack's result is ``{account, role}``. Raises `Refused`,
    `Unreachable`."""
    message = login_message(public_key_b64(key), lambda text: sign_b64(key, text), hello)
    try:
        await send(connection, codec, message)
    except ConnectionClosed as error:
        raise Unreachable(f"{hung_up(error)} before the login") from error
    reply = await _frame("the exchange", connection, codec)
    if isinstance(reply, ErrorReply):
        raise Refused(reply)
    if not isinstance(reply, Ack):
        raise Unreachable(f"the exchange answered the login with {type(reply).__name__}")
    return reply


async def send(connection: ClientConnection, codec: Codec, message: Any) -> None:
    """Send one message as the codec's kind of frame."""
    await connection.send(codec.encode(message), text=not codec.binary)


async def _reached(address: str, opening: Awaitable[T]) -> T:
    try:
        return await opening
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(f"{address}: TLS: {error.verify_message}; {trust()}") from error
    except ssl.SSLError as error:
        raise Unreachable(f"{address}: TLS: {error.reason or error}") from error
    except TimeoutError as error:
        raise Unreachable(f"{address}: no answer within {OPEN_TIMEOUT_S} s") from error
    except ConnectionRefusedError as error:
        raise Unreachable(f"{address}: no exchange listens there") from error
    except ConnectionResetError as error:
        hint = "; does it speak TLS?" if address.startswith("wss:") else ""
        raise Unreachable(f"{address}: it hung up{hint}") from error
    except OSError as error:
        raise Unreachable(
            f"{address}: {error.strerror or str(error) or type(error).__name__}"
        ) from error
    except UnicodeError as error:
        raise Unreachable(f"{address}: no host can have such a name") from error
    except InvalidStatus as error:
        raise _turned_away(address, error) from error
    except (InvalidURI, InvalidHandshake) as error:
        raise Unreachable(f"{address}: no exchange there: {error}") from error


def _turned_away(address: str, error: InvalidStatus) -> Unreachable:
    """Return what an HTTP answer to the handshake means."""
    status = error.response.status_code
    words = LATER_STATUS.get(status)
    if words is None:
        return Unreachable(f"{address}: no exchange there: {error}")
    after = error.response.headers.get("Retry-After", "")
    seconds = float(after) if after.isascii() and after.isdigit() else 0.0
    return Unreachable(f"{address}: {words} (HTTP {status}); try again later", seconds)


def trust() -> str:
    """Return a hint on how to trust the server's certificate: OpenSSL silently skips files it
    cannot read."""
    for name, wanted in (("SSL_CERT_FILE", Path.is_file), ("SSL_CERT_DIR", Path.is_dir)):
        path = os.environ.get(name)
        try:
            if path is not None and not wanted(Path(path)):
                return f"{name} {path}: no such {'file' if wanted is Path.is_file else 'folder'}"
            if path is not None and not os.access(path, os.R_OK):
                return f"{name} {path}: cannot be read"
        except OSError as error:
            return f"{name} {path}: {error.strerror}"
    return "SSL_CERT_FILE names a CA of your own"


async def _first(address: str, connection: ClientConnection, codec: Codec) -> Hello:
    hello = await _frame(address, connection, codec)
    if isinstance(hello, ErrorReply):
        raise Unreachable(f"{address}: {hello.reason}: {hello.message}")
    if not isinstance(hello, Hello):
        raise Unreachable(f"{address}: no exchange there: it sent no hello")
    if hello.protocol != PROTOCOL_VERSION:
        text = f"speaks protocol {hello.protocol}, this client {PROTOCOL_VERSION}"
        raise Unreachable(f"{address}: {text}")
    return hello


async def _frame(address: str, connection: ClientConnection, codec: Codec) -> Any:
    try:
        async with asyncio.timeout(OPEN_TIMEOUT_S):
            return codec.decode_frame(await connection.recv(decode=False))
    except TimeoutError as error:
        connection.transport.abort()
        raise Unreachable(f"{address}: no answer within {OPEN_TIMEOUT_S} s") from error
    except ConnectionClosed as error:
        if refused := shut_out(*_ending(error)[:2]):
            raise refused from error
        raise Unreachable(f"{address}: {hung_up(error)}", go_to=elsewhere(error)) from error
    except msgspec.DecodeError as error:
        connection.transport.abort()
        raise Unreachable(f"{address}: no exchange there: {error}") from error
