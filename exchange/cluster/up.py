"""All servers of a cluster on this machine, until somebody stops them. Shell.

What ends by itself is told and not started again: to see what happens then is what this is for.
"""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from exchange.cluster.folder import write_secret
from exchange.cluster.nats import Nats
from exchange.cluster.ports import HOST
from exchange.cluster.postgres import DATABASE, Postgres

NODES: Final = 3
LOOK_EVERY_S: Final = 0.2


class Server(Protocol):
    """What can be started and stopped."""

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Cluster:
    """The servers of ``folder``, in the order in which they start."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._say = say
        self.postgres = Postgres(folder, NODES, say)
        self.nats = Nats(folder, say)
        self._ended: set[str] = set()

    def start(self) -> None:
        """Start all, and make the database; when one does not start, the others end too."""
        try:
            for server in self._servers():
                server.start()
            self.postgres.create(DATABASE)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all, the last one first."""
        for server in reversed(self._servers()):
            server.stop()

    def facts(self) -> dict[str, Any]:
        """Return what a script needs to know, secrets included."""
        return {
            "journal": self.postgres.url(),
            "nats": self.nats.url,
            "pids": self.pids(),
            "pid": os.getpid(),
        }

    def pids(self) -> dict[str, int | None]:
        nodes = {name: node.pid for name, node in self.postgres.nodes.items()}
        return {**nodes, "nats": self.nats.pid}

    def where(self) -> list[str]:
        """Return what runs where, a line for each, without passwords."""
        primary, pids = self.postgres.primary, self.pids()
        lines = []
        for node in self.postgres.nodes.values():
            role = "primary" if node is primary else "standby"
            lines.append(f"{node.name}  {HOST}:{node.port}  pid {node.pid}  PostgreSQL, {role}")
        return [*lines, f"nats   {HOST}:{self.nats.port}  pid {pids['nats']}"]

    def tell_where(self) -> None:
        for line in self.where():
            self._say(line)
        self._say("all are up; Ctrl-C stops them")

    def tell_ended(self) -> None:
        """Say once of each server that ended by itself that it did."""
        for name, pid in self.pids().items():
            if pid is None and name not in self._ended:
                self._ended.add(name)
                self._say(f"{name} ended by itself; its log: {name}.log")

    def _servers(self) -> list[Server]:
        return [self.postgres, self.nats]


def stay_up(cluster: Cluster, ready: Path) -> None:
    """Run ``cluster`` until SIGTERM or Ctrl-C; the file ``ready`` is there while all are up."""
    stopped = threading.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: stopped.set())
    cluster.start()
    try:
        write_secret(ready, f"{msgspec.json.encode(cluster.facts()).decode()}\n")
        cluster.tell_where()
        while not stopped.wait(LOOK_EVERY_S):
            cluster.tell_ended()
    finally:
        ready.unlink(missing_ok=True)
        cluster.stop()
