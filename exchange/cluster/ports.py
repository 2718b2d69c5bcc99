"""Free ports of the loopback address. Shell."""

import random
import socket
from contextlib import ExitStack
from typing import Final

HOST: Final = "127.0.0.1"
_FROM, _TO = 20_000, 32_000
"""Below the ports that the system gives to outgoing connections, which come and go."""


def free_ports(count: int) -> list[int]:
    """Return ``count`` ports that nobody listens at now."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            port = random.randrange(_FROM, _TO)
            sock = held.enter_context(socket.socket())
            try:
                sock.bind((HOST, port))
            except OSError:
                continue
            found.append(port)
    return found


def listens(port: int) -> bool:
    """Return whether somebody takes connections at ``port``."""
    with socket.socket() as sock:
        sock.settimeout(1)
        return sock.connect_ex((HOST, port)) == 0
