"""Login by signature, both ends of it. Pure: signing and verifying are passed in.

The server's `Hello` carries a nonce; the client signs `auth_text` with its Ed25519 key; the server
looks the key up and verifies. Source: protocol.md, "Login".
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from exchange.wire.frames import Hello
from exchange.wire.requests import Auth
from exchange.wire.types import PROTOCOL_MINOR

Sign: TypeAlias = Callable[[bytes], str]
"""Takes a text, returns the base64 of its Ed25519 signature."""

Verify: TypeAlias = Callable[[str, str, bytes], bool]
"""Takes (base64 public key, base64 signature, text); true if the signature is valid."""


class KeyFacts(Protocol):
    """The fields of a registered key that a login needs."""

    @property
    def public_key(self) -> str: ...
    @property
    def not_after_ms(self) -> int | None: ...
    @property
    def revoked(self) -> bool: ...


def login_message(key_id: str, sign: Sign, hello: Hello, req_id: int = 1) -> Auth:
    """Return the `Auth` that answers ``hello``; ``key_id`` may be the base64 public key itself."""
    text = auth_text(hello.server_id, hello.nonce, key_id)
    minor = None if hello.minor is None else PROTOCOL_MINOR  # an older exchange refuses the field
    return Auth(req_id=req_id, key_id=key_id, signature=sign(text), minor=minor)


def proves(
    message: Auth,
    key: KeyFacts | None,
    server_id: str,
    nonce_hex: str,
    verify: Verify,
    now_ms: int,
) -> bool:
    """Return whether ``message`` proves possession of ``key``, which must still be valid."""
    if key is None or key.revoked:
        return False
    if key.not_after_ms is not None and now_ms >= key.not_after_ms:
        return False
    text = auth_text(server_id, nonce_hex, message.key_id)
    return verify(key.public_key, message.signature, text)


def auth_text(server_id: str, nonce_hex: str, key_id: str) -> bytes:
    """Return the bytes a client signs to log in (protocol.md, "Login")."""
    return b"\0".join(
        (b"headroom-auth-v1", server_id.encode(), nonce_hex.encode(), key_id.encode())
    )
