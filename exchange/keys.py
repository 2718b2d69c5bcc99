"""Ed25519 keys in files: make, load, sign, verify.

A key is the only credential Headroom has: an account's keys log in by signing the server's nonce
(`session.py` says what is signed). Private keys are PKCS8 PEM files readable by their owner only;
public keys travel as the base64 of the raw 32 bytes. Shell module: it touches files.
"""

import base64
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from exchange import files

KEY_FILE_BYTES_MAX = 4096


class KeyFileError(Exception):
    """A key file cannot be used. ``str(error)`` is one line for the user, naming the file."""


def new_key(path: Path) -> str:
    """Write a new private key to ``path`` (mode 0600) and return its public key.

    Raises `KeyFileError` when the file exists, since overwriting a key locks its account out, or
    when it cannot be written.
    """
    return save_key(path, Ed25519PrivateKey.generate())


def save_key(path: Path, key: Ed25519PrivateKey) -> str:
    """Like `new_key`, for a key that there is already."""
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write_private(path, pem)
    return public_key_b64(key)


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Return the key in the PKCS8 PEM file ``path``, or raise `KeyFileError`."""
    try:
        pem = files.read(path, KEY_FILE_BYTES_MAX)
    except OSError as error:
        raise KeyFileError(f"key file {path}: {error.strerror}") from error
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise KeyFileError(f"key file {path}: is encrypted; Headroom needs it plain") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"key file {path}: is not a PEM private key") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"key file {path}: is not an Ed25519 key")
    return key


def public_key_b64(key: Ed25519PrivateKey) -> str:
    """Return the public half as it travels: base64 of the raw 32 bytes."""
    return base64.b64encode(key.public_key().public_bytes_raw()).decode("ascii")


def sign_b64(key: Ed25519PrivateKey, text: bytes) -> str:
    """Return the base64 of the signature of ``text``."""
    return base64.b64encode(key.sign(text)).decode("ascii")


def is_public_key(public_key: str) -> bool:
    """Tell whether ``public_key`` is base64 of 32 bytes that form an Ed25519 key."""
    return _public_key(public_key) is not None


def verify(public_key: str, signature: str, text: bytes) -> bool:
    """Tell whether base64 ``signature`` is ``public_key``'s signature of ``text``. Never raises."""
    key = _public_key(public_key)
    if key is None:
        return False
    try:
        key.verify(base64.b64decode(signature, validate=True), text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _public_key(public_key: str) -> Ed25519PublicKey | None:
    # Only the canonical base64 counts, or one key could be registered under two spellings.
    try:
        raw = base64.b64decode(public_key, validate=True)
        key = Ed25519PublicKey.from_public_bytes(raw)
    except ValueError:
        return None
    return key if base64.b64encode(raw).decode("ascii") == public_key else None


def _write_private(path: Path, pem: bytes) -> None:
    # The mode is given at creation: a chmod afterwards would leave a moment to read the key.
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeyFileError(f"key file {path}: exists already; not overwritten") from error
    except OSError as error:
        raise KeyFileError(f"key file {path}: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)  # half a key would keep the next try from making a whole one
        raise KeyFileError(f"key file {path}: {error.strerror}") from error
