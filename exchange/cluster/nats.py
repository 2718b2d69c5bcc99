"""A NATS server at a port of the loopback address, with a user and a password. Shell."""

import secrets
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from exchange.cluster.child import Child
from exchange.cluster.folder import check, remembered, write_secret
from exchange.cluster.ports import HOST, free_ports, listens
from exchange.cluster.programs import find, unprivileged

USER: Final = "headroom"
_FILE: Final = "nats.json"
_SETTINGS: Final = """\
listen: "{host}:{port}"
authorization {{ user: "{user}", password: "{password}" }}
"""


class Memory(msgspec.Struct):
    """What the folder remembers."""

    port: int
    password: str


class Nats:
    """The server of a folder. What passes through it is not kept anywhere."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        """Take ``folder`` up again, or begin in it. Starts nothing."""
        find("nats-server")
        account = unprivileged("nats", "nats-server")
        check(folder, account)
        self._say = say
        self._memory = memory = remembered(folder / _FILE, Memory) or _first()
        write_secret(folder / _FILE, f"{msgspec.json.encode(memory).decode()}\n")
        self._settings = folder / "nats.conf"
        named = {"host": HOST, "port": memory.port, "user": USER, "password": memory.password}
        write_secret(self._settings, _SETTINGS.format(**named), account)
        self._child = Child("nats", folder / "nats.log", account, signal.SIGTERM)

    @property
    def url(self) -> str:
        return f"nats://{USER}:{self._memory.password}@{HOST}:{self._memory.port}"

    @property
    def port(self) -> int:
        return self._memory.port

    @property
    def pid(self) -> int | None:
        return self._child.pid

    def start(self) -> None:
        port = self._memory.port
        self._say(f"starting NATS at {HOST}:{port}")
        command = [find("nats-server"), "--config", str(self._settings)]
        self._child.start(command, lambda: listens(port))

    def stop(self) -> None:
        if self.pid is not None:
            self._say("stopping NATS")
        self._child.stop()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._child.kill()


def _first() -> Memory:
    return Memory(free_ports(1)[0], secrets.token_urlsafe(24))
