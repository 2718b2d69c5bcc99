"""Which programs of other packages a cluster needs, where they are, and as whom they run. Shell."""

import os
import pwd
import shutil
from pathlib import Path
from typing import Final, NamedTuple

PACKAGES: Final = {
    "postgres": "postgresql",
    "initdb": "postgresql",
    "pg_basebackup": "postgresql",
    "psql": "postgresql",
    "nats-server": "nats-server",
    "setpriv": "util-linux",
}
"""The Debian package of each program."""
_POSTGRES_FOLDERS: Final = "/usr/lib/postgresql/*/bin"
_MORE_FOLDERS: Final = ("/usr/sbin", "/usr/local/sbin")
"""Where programs are that a user's PATH may leave out."""


class ClusterError(Exception):
    """What a node cannot do. ``str()`` is one line for a person."""


class Account(NamedTuple):
    """As whom a program runs: a user of the system, or oneself (``name`` is empty)."""

    name: str = ""
    uid: int = -1
    gid: int = -1

    def own(self, path: Path) -> None:
        """Give ``path`` to this user."""
        if self.name:
            os.chown(path, self.uid, self.gid)

    def words(self) -> list[str]:
        """Return what `setpriv` needs to become this user."""
        if not self.name:
            return []
        return [f"--reuid={self.uid}", f"--regid={self.gid}", "--init-groups"]


def find(program: str) -> str:
    """Return the path of ``program``. Raises `ClusterError`, which names its package."""
    folders = [*_newest_postgres(), *os.environ.get("PATH", os.defpath).split(":"), *_MORE_FOLDERS]
    found = shutil.which(program, path=":".join(folders))
    if found is None:
        raise ClusterError(f"{program} is not here; install the Debian package {PACKAGES[program]}")
    return found


def unprivileged(user: str, package: str) -> Account:
    """Return the account ``user`` when we are root, which no server should be; else oneself."""
    if os.geteuid() != 0:
        return Account()
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        text = f"there is no user {user} to run as; install the Debian package {package}"
        raise ClusterError(text) from None
    return Account(user, entry.pw_uid, entry.pw_gid)


def _newest_postgres() -> list[str]:
    folders = Path("/").glob(_POSTGRES_FOLDERS.lstrip("/"))
    versions = [each for each in folders if each.parent.name.isdigit()]
    return [str(each) for each in sorted(versions, key=lambda each: -int(each.parent.name))]
