"""Keys of simulated actors: real Ed25519 keys, derived from the actor's name instead of random.

A run logs in with signatures like anybody else, and is the same every time. Such keys guard
nothing: whoever knows the seed has them. Never use them outside a simulation.
"""

from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.keys import public_key_b64, save_key, sign_b64


class Identity:
    """One actor's key pair; ``public_key`` as it travels, base64."""

    def __init__(self, seed: int, actor: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(_secret(seed, f"key/{actor}"))
        self.public_key = public_key_b64(self._key)

    def save(self, path: Path) -> None:
        """Write the private key to ``path``. Raises `KeyFileError`, also when it exists."""
        save_key(path, self._key)

    def sign(self, text: bytes) -> str:
        return sign_b64(self._key, text)


def token(seed: int, actor: str) -> str:
    """Return the enrollment secret that a seller hands to its hosts."""
    return _secret(seed, f"token/{actor}").hex()


def token_sha256(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _secret(seed: int, what: str) -> bytes:
    return sha256(f"{seed}/{what}".encode()).digest()
