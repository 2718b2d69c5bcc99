"""Leads an exchange: takes the lease, renews it each second, gives it back at the end. Shell."""

import asyncio
from collections.abc import Callable, Coroutine

from exchange.postgres import leader, schema
from exchange.postgres.connecting import (
    RAISED,
    Connection,
    DatabaseError,
    closed,
    connected,
    shown,
    why,
)
from exchange.postgres.leader import LEASE_S, RENEW_S, Leader
from exchange.storage.sqlite_journal import DiskLostError


class Lead:
    """The leadership of this process; `epoch` is its number."""

    def __init__(self, url: str, opened: Connection, epoch: int) -> None:
        self.epoch = epoch
        self._where = shown(url)
        self._connection = opened
        self._turn = asyncio.Lock()

    async def renew(self) -> None:
        """Renew until canceled. Raises `DiskLostError`, also when another has taken over."""
        while True:
            await self._asked(leader.renew(self._connection, self.epoch))
            await asyncio.sleep(RENEW_S)

    async def announce(self, url: str) -> None:
        """Say where clients find this process. Raises `DiskLostError`."""
        await self._asked(leader.announce(self._connection, self.epoch, url))

    async def _asked(self, work: Coroutine[None, None, None]) -> None:
        try:
            async with self._turn, asyncio.timeout(LEASE_S):
                await work
        except RAISED as error:
            raise DiskLostError(f"{self._where}: lease not renewed: {why(error)}") from error

    async def release(self) -> None:
        """Let another process take over at once, if this one still leads."""
        try:
            await self._asked(leader.release(self._connection, self.epoch))
        except DiskLostError:
            return  # It runs out by itself.
        finally:
            await closed(self._connection)


async def taken(url: str, owner: str, waits: Callable[[Leader], None]) -> Lead:
    """Return the leadership, once the lease of whoever led has run out.

    ``waits`` is told of that lease. Raises `DatabaseError` when it is renewed meanwhile: somebody
    serves.
    """
    where = shown(url)
    opened = await connected(url)
    try:
        await schema.check(opened, where)
        for told in (True, False):
            epoch = await leader.take(opened, owner, "")
            if epoch is not None:
                return Lead(url, opened, epoch)
            found = await leader.look(opened)
            if told:
                waits(found)
            await asyncio.sleep(found.left_s + RENEW_S / 10)
        epoch = await leader.take(opened, owner, "")
        if epoch is not None:
            return Lead(url, opened, epoch)
        found = await leader.look(opened)
        raise DatabaseError(f"{where}: in use by another process ({found.owner} {found.url})")
    except RAISED as error:
        await closed(opened)
        raise DatabaseError(f"{where}: {why(error)}") from error
    except BaseException:
        await closed(opened)
        raise
