"""Makes sure that only one Manager acts for the rules of an account. Shell.

The names are claimed at the exchange for as long as the connection lives; a second Manager waits.
Source: protocol.md, "Two programs, one account".
"""

import secrets
from collections.abc import Iterable
from typing import Final

from exchange.client import Client, Refused
from exchange.log import log
from exchange.wire.session_requests import CLAIMS_MAX, SessionClaim
from manager.core import log_events
from manager.core.order_ids import ASKS, BIDS

RETRY_S: Final = 2.0
OLDER_EXCHANGE: Final = ("unknown_type", "forbidden")
"""It knows no claims, or the key may only read: nobody can be told apart."""


class Alone:
    """Claims ``rule/NAME`` of every rule and ``group/NAME`` of every group that sells."""

    def __init__(self, client: Client, rules: Iterable[str], groups: Iterable[str] = ()) -> None:
        self._client = client
        self._holder = secrets.token_hex(16)
        self._request = self._claim(rules, groups)
        self.waits = False
        """Somebody else acts for them."""

    def _claim(self, rules: Iterable[str], groups: Iterable[str]) -> SessionClaim:
        wanted = [f"{BIDS}{name}" for name in rules] + [f"{ASKS}{name}" for name in groups]
        names = sorted(wanted)[:CLAIMS_MAX]
        return SessionClaim(req_id=1, names=names, holder=self._holder)

    async def renamed(self, rules: Iterable[str], groups: Iterable[str]) -> str:
        """Claim others; return who acts for one of them, "" when they are ours now."""
        before, self._request = self._request, self._claim(rules, groups)
        why = await self._refusal()
        if why:
            self._request = before
        return why

    async def trouble(self) -> str:
        """Claim; return "" when nobody else acts for the rules, else who does. Tells it once.

        Raises `Unknown` when there is no answer, `Refused` as any request.
        """
        why = await self._refusal()
        if bool(why) != self.waits:
            self.waits = bool(why)
            log.write(log_events.another_manager(why))
        return why

    async def _refusal(self) -> str:
        if not self._request.names:
            return ""
        try:
            await self._client.request(self._request, patient=True)
        except Refused as error:
            if error.reason == "claimed":
                return error.message
            if error.reason not in OLDER_EXCHANGE:
                raise
        return ""
