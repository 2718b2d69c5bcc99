"""The options of what listens for others, and the rule that plain text stays on loopback. Shell."""

import ipaddress
import ssl
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from exchange.cli.common import EXIT_USAGE, fail
from exchange.files import require_regular

Insecure = Annotated[bool, typer.Option("--insecure", help="Allow plain text beyond loopback.")]
TlsCert = Annotated[Path | None, typer.Option("--tls-cert", help="PEM chain.")]
TlsKey = Annotated[Path | None, typer.Option("--tls-key", help="PEM key.")]
Web = Annotated[
    str | None,
    typer.Option("--web", metavar="ADDRESS:PORT", help="Show the terminal to browsers there."),
]
WebName = Annotated[
    list[str] | None,
    typer.Option("--web-name", metavar="NAME", help="A name that browsers use for this machine."),
]


class Listen(NamedTuple):
    """Where to listen, and what encrypts it."""

    host: str
    port: int
    tls: ssl.SSLContext | None


def checked(
    option: str, listen: str, tls_cert: Path | None, tls_key: Path | None, insecure: bool
) -> Listen:
    """Return where to listen; exit unless it is loopback, or encrypted, or said to be insecure."""
    host, port = address(option, listen)
    tls = tls_context(tls_cert, tls_key)
    if not (tls or insecure or is_loopback(host)):
        fail(f"{option} {listen}: beyond loopback needs --tls-cert or --insecure", EXIT_USAGE)
    return Listen(host, port, tls)


def address(option: str, listen: str) -> tuple[str, int]:
    """Return host and port of ``ADDRESS:PORT``; exit 2 when it is none."""
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        fail(f"{option} {listen}: not ADDRESS:PORT", EXIT_USAGE)
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches ``host``; of names, only ``localhost``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def tls_context(cert: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Return what encrypts a listener, None without a certificate."""
    if cert is None and key is None:
        return None
    if cert is None:
        fail("--tls-key needs --tls-cert", EXIT_USAGE)
    for option, path in (("--tls-cert", cert), ("--tls-key", key)):
        try:
            if path is not None:
                require_regular(path)
        except FileNotFoundError:
            fail(f"{option} {path}: no such file")
        except OSError as error:
            fail(f"{option} {path}: {error.strerror}")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key)
    except ssl.SSLError:
        if key is None:
            fail(f"--tls-cert {cert}: no PEM chain with its key; name a key apart with --tls-key")
        fail(f"--tls-cert {cert}, --tls-key {key}: not a PEM chain and the key of its first part")
    except OSError as error:
        fail(f"--tls-cert {cert}, --tls-key {key or cert}: {error.strerror}")
    return context
