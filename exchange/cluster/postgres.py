"""PostgreSQL of one node, or of a primary and its standbys, in a folder. Shell.

Of several nodes, one standby confirms each commit before it is done. The folder remembers which
node is the primary, the ports and the password, so that what is started there again goes on.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from exchange.cluster.folder import check, remembered, write_secret
from exchange.cluster.node import USER, Node
from exchange.cluster.ports import HOST, free_ports
from exchange.cluster.programs import ClusterError, find, unprivileged

DATABASE: Final = "headroom"
_FILE: Final = "postgres.json"
_PROGRAMS: Final = ("initdb", "postgres", "psql", "pg_basebackup")


class Memory(msgspec.Struct):
    """What the folder remembers. ``ports`` are by the name of the node."""

    primary: str
    ports: dict[str, int]
    password: str


class Postgres:
    """The nodes of a folder: ``node1``, ``node2`` and so on, one of which is the primary."""

    def __init__(self, folder: Path, count: int, say: Callable[[str], None]) -> None:
        """Take ``folder`` up again, or begin in it with ``count`` nodes. Starts nothing."""
        for program in _PROGRAMS:
            find(program)
        self._account = unprivileged("postgres", "postgresql")
        self._folder = folder
        self._say = say
        check(folder, self._account)
        self._memory = remembered(folder / _FILE, Memory) or _first(count)
        ports = self._memory.ports.items()
        self.nodes = {name: Node(name, folder, port, self._account) for name, port in ports}
        self._remember()
        passwords = f"{HOST}:*:*:{USER}:{self._memory.password}\n"
        write_secret(folder / "pgpass", passwords, self._account)

    @property
    def primary(self) -> Node:
        return self.nodes[self._memory.primary]

    @property
    def standbys(self) -> list[Node]:
        return [node for node in self.nodes.values() if node is not self.primary]

    def url(self, database: str = DATABASE) -> str:
        """Return the address of ``database`` at whichever node takes writes."""
        hosts = ",".join(f"{HOST}:{node.port}" for node in self.nodes.values())
        end = "?target_session_attrs=read-write" if len(self.nodes) > 1 else ""
        return f"postgresql://{USER}:{self._memory.password}@{hosts}/{database}{end}"

    def start(self) -> None:
        """Start the primary, then its standbys; a node without data gets it first."""
        for node in self.nodes.values():
            if node.pid is not None:
                raise ClusterError(f"{node.name} runs already, as process {node.pid}")
        try:
            self._start_primary()
            for node in self.standbys:
                self._start_standby(node)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the primary, which hands its last rows over, then the standbys."""
        for node in (self.primary, *self.standbys):
            if node.pid is not None:
                self._say(f"stopping PostgreSQL {node.name}")
            node.stop()

    def create(self, database: str) -> str:
        """Make an empty database unless it is there; return its address."""
        known = self.primary.sql("select datname from pg_database").splitlines()
        if database not in known:
            self.primary.sql(f"create database {database}")
        return self.url(database)

    def drop(self, database: str) -> None:
        self.primary.sql(f"drop database {database} with (force)")

    def promote(self) -> Node:
        """Make the standby that has most the primary, and have the others follow it.

        Raises `ClusterError` while the old primary runs: two would take writes.
        """
        if self.primary.pid is not None:
            raise ClusterError(f"{self.primary.name} runs and is the primary: stop it first")
        chosen = max(self._running_standbys(), key=_received, default=None)
        if chosen is None:
            raise ClusterError("no standby runs that could be promoted")
        self._say(f"promoting PostgreSQL {chosen.name}")
        if chosen.sql("select pg_promote(true, 60)") != "t":
            raise ClusterError(f"{chosen.name} did not become the primary within 60 s")
        self._memory.primary = chosen.name
        self._remember()
        for node in self._running_standbys():
            self._set(node)
            node.reload()
        return chosen

    def rejoin(self, name: str) -> None:
        """Make a stopped node a standby of the primary, with a fresh copy of its data."""
        self._copy(self.nodes[name])
        self._start_standby(self.nodes[name])

    def _running_standbys(self) -> list[Node]:
        return [node for node in self.standbys if node.pid is not None]

    def _start_primary(self) -> None:
        node = self.primary
        if not node.made:
            self._say(f"making PostgreSQL {node.name}")
            node.make(self._memory.password)
        self._set(node)
        self._say(f"starting PostgreSQL {node.name}, the primary, at {HOST}:{node.port}")
        node.start()

    def _start_standby(self, node: Node) -> None:
        if not node.made or not node.is_standby:
            self._copy(node)
        self._set(node)
        self._say(f"starting PostgreSQL {node.name}, a standby, at {HOST}:{node.port}")
        node.start()

    def _copy(self, node: Node) -> None:
        self._say(f"copying PostgreSQL {self.primary.name} to {node.name}")
        node.copy(self.primary)

    def _set(self, node: Node) -> None:
        follows = None if node is self.primary else self.primary
        node.set([name for name in self.nodes if len(self.nodes) > 1], follows)

    def _remember(self) -> None:
        text = msgspec.json.format(msgspec.json.encode(self._memory)).decode()
        write_secret(self._folder / _FILE, f"{text}\n")


def _received(node: Node) -> int:
    """Return how much of the primary's log a standby has, in bytes; -1 if it does not say."""
    last = "greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())"
    with suppress(ClusterError):
        return int(node.sql(f"select {last} - '0/0'::pg_lsn"))
    return -1


def _first(count: int) -> Memory:
    names = [f"node{number}" for number in range(1, count + 1)]
    ports = dict(zip(names, free_ports(count), strict=True))
    return Memory("node1", ports, secrets.token_urlsafe(24))
