"""Open a connection to an exchange and log in, or say in one line why not. Shell."""

import asyncio
import random
import ssl
from collections.abc import Awaitable
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit, urlunsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

from exchange.auth import login_message
from exchange.codec import SUBPROTOCOL, Codec
from exchange.frames import Ack, ErrorReply, Hello
from exchange.keys import public_key_b64, sign_b64
from exchange.wire import MAX_FRAME_BYTES, PROTOCOL_VERSION

OPEN_TIMEOUT_S: Final = 5
CLOSE_TIMEOUT_S: Final = 2
PING_S: Final = 10
FRAME_MAX_BYTES: Final = 256 * MAX_FRAME_BYTES
"""A whole book or a long account.state is one frame."""
TRADE_PATH: Final = "/v1/ws"
IMAGES_PATH: Final = "/v1/images"

BACKOFF_MIN_S: Final = 0.25
BACKOFF_MAX_S: Final = 10.0
BACKOFF_DOUBLINGS_MAX: Final = 16

T = TypeVar("T")


class Unreachable(Exception):  # noqa: N818 - part of the public API, read as a state
    """No connection to the exchange. ``str()`` is one line naming the address and the cause."""


class Refused(Exception):  # noqa: N818 - part of the public API, read as an answer
    """The exchange refused a request, which changed nothing. ``reason`` is of the closed set."""

    def __init__(self, reply: ErrorReply) -> None:
        super().__init__(f"{reply.reason}: {reply.message}")
        self.reason = reply.reason
        self.message = reply.message
        self.field = reply.field
        self.retry_after_ms = reply.retry_after_ms


class Unknown(Exception):  # noqa: N818 - part of the public API, read as a state
    """The connection was lost before the answer: the request may or may not have been done."""


def hung_up(error: ConnectionClosed) -> str:
    """Return in words how a connection ended; the exchange may have said why."""
    why = error.rcvd.reason if error.rcvd is not None else ""
    return f"the exchange hung up ({why})" if why else "the exchange hung up"


def unanswered(cause: str) -> str:
    """Return what to tell whoever waited for an answer when the connection was lost.

    Asking again is safe: the requests that move money carry an id of the client's own.
    """
    return f"{cause} before it answered; ask again"


def pause_s(attempt: int, longest_s: float) -> float:
    """Return how long to wait before dialling again, at most ``longest_s``.

    Full jitter: a thousand clients of a restarted exchange must not return as one.
    """
    doubled_s = BACKOFF_MIN_S * 2.0 ** min(attempt, BACKOFF_DOUBLINGS_MAX)
    return random.uniform(0, min(longest_s, doubled_s))


def endpoint(url: str, path: str) -> str:
    """Return the WebSocket address of ``path`` on the exchange at ``url``.

    ``url`` may be ``ws://host:port`` with or without one of our paths, or its http form. Raises
    `Unreachable` for anything else: what another path leads to, we do not know.
    """
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    ours = parts.path in ("", "/", TRADE_PATH, IMAGES_PATH) and not (parts.query or parts.fragment)
    if scheme not in ("ws", "wss") or not parts.netloc or not ours:
        raise Unreachable(f"{url}: not an address like ws://HOST:PORT/v1/ws")
    return urlunsplit((scheme, parts.netloc, path, "", ""))


async def dial(
    url: str, path: str, codec: Codec, tls: ssl.SSLContext | None = None
) -> tuple[ClientConnection, Hello]:
    """Connect and read the `Hello`. Raises `Unreachable`."""
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
        **secure,
    )
    connection = await _reached(address, opening)
    hello = await _first(address, connection, codec)
    return connection, hello


async def log_in(
    connection: ClientConnection, hello: Hello, codec: Codec, key: Ed25519PrivateKey
) -> dict[str, Any]:
    """Prove possession of ``key``; returns ``{account, role}``. Raises `Refused`, `Unreachable`."""
    message = login_message(public_key_b64(key), lambda text: sign_b64(key, text), hello)
    await send(connection, codec, message)
    reply = await _frame("the exchange", connection, codec)
    if isinstance(reply, ErrorReply):
        raise Refused(reply)
    if not isinstance(reply, Ack):
        raise Unreachable(f"the exchange answered the login with {type(reply).__name__}")
    return dict(reply.result)


async def send(connection: ClientConnection, codec: Codec, message: Any) -> None:
    """Send one message as the codec's kind of frame."""
    await connection.send(codec.encode(message), text=not codec.binary)


async def _reached(address: str, opening: Awaitable[T]) -> T:
    try:
        return await opening
    except ssl.SSLCertVerificationError as error:
        mend = "SSL_CERT_FILE names a CA of your own"
        raise Unreachable(f"{address}: TLS: {error.verify_message}; {mend}") from error
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
    except (InvalidURI, InvalidHandshake) as error:
        raise Unreachable(f"{address}: no exchange there: {error}") from error


async def _first(address: str, connection: ClientConnection, codec: Codec) -> Hello:
    hello = await _frame(address, connection, codec)
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
        raise Unreachable(f"{address}: closed the connection: {error}") from error
    except msgspec.DecodeError as error:
        connection.transport.abort()
        raise Unreachable(f"{address}: no exchange there: {error}") from error
