"""Who may write: one row that names the leader by its epoch. Shell.

Each append looks for its epoch in its own transaction. The epoch is the row's key, so a take-over
waits for an append under way and stops those behind it, while renewals, which change no key, stop
nothing. The database's clock alone decides when a lease has run out.
"""

from typing import Final

from msgspec import Struct

from exchange.postgres.connecting import Connection
from exchange.storage.sqlite_journal import DiskLostError

LEASE_S: Final = 5.0
"""How long a leader is one without renewing."""
RENEW_S: Final = 1.0

_TAKE: Final = """
UPDATE headroom.leader SET epoch = epoch + 1, owner = $1, url = $2,
  until = clock_timestamp() + make_interval(secs => $3)
WHERE until <= clock_timestamp() RETURNING epoch"""
_RENEW: Final = """
UPDATE headroom.leader SET until = clock_timestamp() + make_interval(secs => $2)
WHERE epoch = $1 RETURNING epoch"""
_LOOK: Final = """
SELECT epoch, owner, url,
  CASE WHEN until = '-infinity' THEN 0
  ELSE greatest(0, extract(epoch FROM until - clock_timestamp()))::float8 END
FROM headroom.leader"""


class StaleEpochError(DiskLostError):
    """Another process has taken over: nothing may be acknowledged any more."""

    def __init__(self, epoch: int) -> None:
        super().__init__(f"epoch {epoch} is over: another process has taken over the exchange")
        self.epoch = epoch


class Leader(Struct, frozen=True):
    """Who leads, or led last. ``left_s``: how long the lease still is, by the database's clock."""

    epoch: int
    owner: str
    url: str
    left_s: float


async def look(connection: Connection) -> Leader:
    found = await connection.fetchrow(_LOOK)
    assert found is not None, "the table has one row"
    return Leader(*found)


async def take(connection: Connection, owner: str, url: str) -> int | None:
    """Become the leader; returns the new epoch, None while the lease of another still runs.

    ``url``: where clients find this process, "" if they do not yet.
    """
    epoch: int | None = await connection.fetchval(_TAKE, owner, url, LEASE_S)
    return epoch


async def renew(connection: Connection, epoch: int) -> None:
    """Stay the leader for another `LEASE_S`. Raises `StaleEpochError`."""
    if await connection.fetchval(_RENEW, epoch, LEASE_S) is None:
        raise StaleEpochError(epoch)


async def announce(connection: Connection, epoch: int, url: str) -> None:
    """Say where clients find the leader. Raises `StaleEpochError`."""
    sql = "UPDATE headroom.leader SET url = $2 WHERE epoch = $1 RETURNING epoch"
    if await connection.fetchval(sql, epoch, url) is None:
        raise StaleEpochError(epoch)


async def release(connection: Connection, epoch: int) -> None:
    """Let another process take over at once; nothing happens when one has."""
    await connection.fetchval(_RENEW, epoch, 0.0)
