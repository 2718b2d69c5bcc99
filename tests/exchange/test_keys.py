"""Key files and signatures: a table of files that are no key, and what a signature proves."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from exchange import keys

PLAIN = serialization.NoEncryption()
LOCKED = serialization.BestAvailableEncryption(b"secret")


def pem(
    key: Ed25519PrivateKey | EllipticCurvePrivateKey,
    lock: serialization.KeySerializationEncryption = PLAIN,
) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


def test_a_new_key_is_private_and_signs(tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    public_key = keys.new_key(path)
    key = keys.load_private_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert keys.public_key_b64(key) == public_key
    assert len(base64.b64decode(public_key)) == 32
    assert keys.verify(public_key, keys.sign_b64(key, b"text"), b"text")


BAD_FILES = [
    (b"", "is not a PEM private key"),
    (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "is not a PEM private key"),
    (b"\xff" * 900, "is not a PEM private key"),
    (b"\xff" * 9000, "longer than 4096 bytes"),
    (pem(generate_private_key(SECP256R1())), "is not an Ed25519 key"),
    (pem(Ed25519PrivateKey.generate(), LOCKED), "is encrypted; Headroom needs it plain"),
]


@pytest.mark.parametrize(("content", "reason"), BAD_FILES)
def test_a_file_that_is_no_key_is_one_line(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "k.pem"
    path.write_bytes(content)
    with pytest.raises(keys.KeyFileError) as error:
        keys.load_private_key(path)
    assert str(error.value) == f"key file {path}: {reason}"


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    absent = tmp_path / "absent" / "k.pem"
    with pytest.raises(keys.KeyFileError, match="No such file"):
        keys.load_private_key(absent)
    with pytest.raises(keys.KeyFileError, match="No such file"):
        keys.new_key(absent)
    with pytest.raises(keys.KeyFileError, match="Is a directory"):
        keys.load_private_key(tmp_path)


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "k.pem"
    keys.new_key(path)
    before = path.read_bytes()
    with pytest.raises(keys.KeyFileError, match="exists already; not overwritten"):
        keys.new_key(path)
    assert path.read_bytes() == before


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_a_signature_proves_its_own_text_only(text: bytes, other: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    signature = keys.sign_b64(key, text)
    assert keys.verify(keys.public_key_b64(key), signature, other) == (text == other)


@given(st.text(max_size=100), st.text(max_size=100))
def test_verify_never_raises(public_key: str, signature: str) -> None:
    assert not keys.verify(public_key, signature, b"text")
    key = keys.public_key_b64(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    assert not keys.verify(key, signature, b"text")


def test_a_public_key_has_one_spelling() -> None:
    key = keys.public_key_b64(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    assert keys.is_public_key(key)
    twin = key[:-2] + chr(ord(key[-2]) + 1) + "="
    assert base64.b64decode(twin) == base64.b64decode(key)
    for bad in (twin, key[:-1], key + "=", f" {key}", "", "A" * 44):
        assert not keys.is_public_key(bad)
