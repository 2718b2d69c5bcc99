"""One PostgreSQL server with its data in a folder. Shell.

Its settings stand beside its data, in a file of ours: what they say holds, whatever is in the data.
It listens at a port of the loopback address alone and asks for a password.
"""

import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from exchange.cluster.child import Child, call
from exchange.cluster.folder import write_secret
from exchange.cluster.ports import HOST
from exchange.cluster.programs import Account, ClusterError, find

USER: Final = "headroom"
"""Owns every database of a node, and copies it to standbys."""
_SETTINGS: Final = """\
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
cluster_name = '{name}'
max_connections = 60
wal_level = replica
max_wal_senders = 10
wal_keep_size = '1GB' # how much a standby may miss while it is away
wal_retrieve_retry_interval = '500ms'
synchronous_commit = on
synchronous_standby_names = '{quorum}'
log_line_prefix = '%m [%p] '
"""


class Node:
    """A server of the folder ``folder``: its data, its settings, its log."""

    def __init__(self, name: str, folder: Path, port: int, account: Account) -> None:
        self.name = name
        self.port = port
        self._data = folder / name
        self._settings = folder / f"{name}.conf"
        self._passwords = folder / "pgpass"
        self._account = account
        self._child = Child(name, folder / f"{name}.log", account, signal.SIGINT)

    @property
    def pid(self) -> int | None:
        """Return the number of its process, whoever started it; None unless it runs."""
        return self._child.pid or self._written_pid()

    @property
    def made(self) -> bool:
        """Return whether it has data."""
        return (self._data / "PG_VERSION").exists()

    @property
    def is_standby(self) -> bool:
        """Return whether its data is that of a standby."""
        return (self._data / "standby.signal").exists()

    def make(self, password: str) -> None:
        """Make new data, without any database of ours."""
        word = self._settings.with_suffix(".password")
        write_secret(word, f"{password}\n", self._account)
        try:
            options = ("--auth=scram-sha-256", f"--pwfile={word}", "--encoding=UTF8", "--locale=C")
            self._fill(["initdb", f"--username={USER}", *options, f"--pgdata={self._data}"])
        finally:
            word.unlink()

    def copy(self, primary: "Node") -> None:
        """Make its data a copy of the running ``primary``'s, of which it is then a standby."""
        source = ("--checkpoint=fast", "--no-password", f"--dbname={self._conninfo(primary)}")
        self._fill(["pg_basebackup", *source, "--wal-method=stream", f"--pgdata={self._data}"])
        call(["touch", str(self._data / "standby.signal")], self._account)

    def set(self, quorum: Sequence[str], primary: "Node | None") -> None:
        """Write the settings: one of ``quorum`` confirms each commit; ``primary`` is followed."""
        names = f"ANY 1 ({', '.join(quorum)})" if quorum else ""
        text = _SETTINGS.format(host=HOST, port=self.port, name=self.name, quorum=names)
        if primary is not None:
            text += f"primary_conninfo = '{self._conninfo(primary)}'\n"
        self._settings.write_text(text)
        self._settings.chmod(0o644)

    def start(self) -> None:
        command = [find("postgres"), "-D", str(self._data), f"--config_file={self._settings}"]
        self._child.start(command, self._answers)

    def stop(self) -> None:
        self._child.stop()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._child.kill()

    def sql(self, text: str, database: str = "postgres") -> str:
        """Return what one statement gives, as `psql` prints it. Raises `ClusterError`."""
        how = ["--no-psqlrc", "--no-password", "--tuples-only", "--no-align", "--quiet"]
        where = ["-h", HOST, "-p", str(self.port), "-U", USER, "-d", database]
        command = [find("psql"), *how, "-v", "ON_ERROR_STOP=1", *where, "-c", text]
        env = {"PGPASSFILE": str(self._passwords), "PGCONNECT_TIMEOUT": "10"}
        return call(command, self._account, env)

    def reload(self) -> None:
        self.sql("select pg_reload_conf()")

    def _written_pid(self) -> int | None:
        with suppress(OSError, IndexError, ValueError):
            pid = int((self._data / "postmaster.pid").read_text().splitlines()[0])
            started_with = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            return pid if str(self._data).encode() in started_with else None
        return None

    def _answers(self) -> bool:
        try:
            return self.sql("select 1") == "1"
        except ClusterError:
            return False

    def _fill(self, command: Sequence[str]) -> None:
        self._data.mkdir(mode=0o700, exist_ok=True)
        self._account.own(self._data)
        call(["find", str(self._data), "-mindepth", "1", "-delete"], self._account)
        call([find(command[0]), *command[1:]], self._account)

    def _conninfo(self, primary: "Node") -> str:
        who = f"user={USER} application_name={self.name} passfile={self._passwords}"
        return f"host={HOST} port={primary.port} {who}"
