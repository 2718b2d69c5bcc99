"""wss with a certificate of the test's own making; plain text to a TLS port is told so."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from exchange.client import Client, Unreachable
from exchange.wire.admin_requests import AdminBalances
from tests.exchange.storage.test_history import pem
from tests.exchange.support.harness import (
    OPERATOR,
    ServerProcess,
    create_exchange,
    headroom,
    running,
)


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1 and its key; returns both paths."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "headroom test")])
    now = dt.datetime.now(dt.UTC)
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
        .sign(key, None)
    )
    cert_path, key_path = folder / "cert.pem", folder / "key.pem"
    cert_path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_path, key_path


def test_wss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key_file = tmp_path / "operator.pem"
    key_file.write_bytes(pem(OPERATOR))
    key_file.chmod(0o600)

    def asking(url: str) -> tuple[str, ...]:
        return ("admin", "balances", "--url", url, "--key", str(key_file))

    cert, key = self_signed(tmp_path)
    create_exchange(tmp_path / "data")
    options = ("--listen", "127.0.0.1:0", "--tls-cert", str(cert), "--tls-key", str(key))
    server = ServerProcess(tmp_path / "data", *options)

    async def main() -> None:
        url = await server.url()
        assert url.startswith("wss://")
        trusting = ssl.create_default_context(cafile=str(cert))
        async with Client(url, OPERATOR, tls=trusting) as operator:
            assert await operator.request(AdminBalances(req_id=1))
        with pytest.raises(Unreachable, match=r"TLS: self-signed certificate; SSL_CERT_FILE names"):
            await Client(url, OPERATOR).__aenter__()
        code, _, errors = await asyncio.to_thread(headroom, *asking(url))
        assert code == 1 and "SSL_CERT_FILE" in errors
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
        with pytest.raises(Unreachable, match=r"TLS: .*; SSL_CERT_FILE \S*/gone.pem: no such file"):
            await Client(url, OPERATOR).__aenter__()
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        assert (await asyncio.to_thread(headroom, *asking(url)))[0] == 0
        with pytest.raises(Unreachable, match="no exchange there"):
            await Client(url.replace("wss:", "ws:"), OPERATOR).__aenter__()

    try:
        asyncio.run(main())
    finally:
        server.process.terminate()
        assert server.end() == (0, "")


def test_wss_to_a_port_without_tls_is_told_so(tmp_path: Path) -> None:
    """Seen to fail with nothing behind the colon."""

    async def main() -> None:
        async with running(tmp_path / "data") as server:
            url = server.url.replace("ws:", "wss:")
            with pytest.raises(Unreachable, match=r"it hung up; does it speak TLS\?"):
                await Client(url, OPERATOR).__aenter__()

    asyncio.run(main())
