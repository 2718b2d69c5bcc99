"""How a standby becomes the leader of an exchange in PostgreSQL. Shell.

Whoever led before cannot commit from then on, whatever it believes: see `leader`.
"""

from contextlib import suppress

from exchange.postgres import leader
from exchange.postgres.connecting import Connection, DatabaseError, ask, connected
from exchange.postgres.lead import Lead
from exchange.postgres.serving import Journalled, owner, serve_as
from exchange.recovery.loading import Loaded
from exchange.server.server import Settings


class StandbyLead:
    """See `exchange.standby.lead.Lead`."""

    def __init__(self, at: Journalled) -> None:
        self._at = at
        self._epoch: int | None = None
        self._serves = False
        self._leader_url = ""

    def take(self) -> bool:
        if self._epoch is None:
            self._epoch = ask(self._at.url, self._asked)
        return self._epoch is not None

    async def _asked(self, connection: Connection) -> int | None:
        epoch = await leader.take(connection, owner(), "")
        if epoch is None:
            self._leader_url = (await leader.look(connection)).url
        return epoch

    def leader_url(self) -> str:
        return self._leader_url

    def wait_at(self, url: str) -> None:
        """Clients of a leader that ends have this address among theirs."""

    async def serve(self, settings: Settings, loaded: Loaded) -> int:
        assert self._epoch is not None, "only what was taken is served"
        lead = Lead(self._at.url, await connected(self._at.url), self._epoch)
        self._serves = True

        async def at_hand() -> Loaded:
            return loaded

        return await serve_as(lead, self._at, settings, at_hand())

    def give_up(self) -> None:
        if self._epoch is None or self._serves:
            return  # nothing was taken, or it was released by whoever served
        epoch = self._epoch
        with suppress(DatabaseError):  # it runs out by itself
            ask(self._at.url, lambda connection: leader.release(connection, epoch))
