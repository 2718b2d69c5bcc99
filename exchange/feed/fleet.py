"""The owner's view of its hosts: status, load and use, conflated to one update a second. Pure.

Load and the number of VMs come from heartbeats, which are not journalled: they are kept here, not
in the engine, and are empty after a start. Source: protocol.md, "Public channels".
"""

from typing import Protocol

from exchange.session.group import Group
from exchange.session.outbox import Outbox
from exchange.session.session import Session
from exchange.wire.frames import HostUpdate
from exchange.wire.requests import HostHeartbeat


class FleetSource(Protocol):
    """The part of the engine that the fleet reads."""

    def fleet_rows(self, account: str) -> list[HostUpdate]: ...


class FleetChannel:
    """Subscribers by account, the rows they were sent last, and every host's last heartbeat."""

    def __init__(self, source: FleetSource, outbox: Outbox) -> None:
        self._source = source
        self._outbox = outbox
        self.groups: dict[str, Group] = {}
        """By account; accounts without subscribers are not in it."""
        self._sent: dict[str, dict[str, HostUpdate]] = {}
        self._beats: dict[str, tuple[HostHeartbeat, int]] = {}

    def heard(self, host: str, beat: HostHeartbeat, now_ms: int) -> None:
        """Keep a host's newest heartbeat, and when it came."""
        self._beats[host] = beat, now_ms

    def heard_again(self, host: str, now_ms: int) -> None:
        """The host says what it said last."""
        if host in self._beats:
            self._beats[host] = self._beats[host][0], now_ms

    def forget(self, host: str) -> None:
        """The host is lost: forget its last heartbeat."""
        self._beats.pop(host, None)

    def join(self, session: Session) -> None:
        """Subscribe; every host of the account is sent at once."""
        rows = self._rows(session.account)
        for row in rows.values():
            self._outbox.send(session, row)
        group = self.groups.get(session.account)
        if group is None:
            group = self.groups[session.account] = Group(("fleet", session.account, 0))
        self._outbox.join(group, session)
        self._sent.setdefault(session.account, rows)

    def leave(self, session: Session) -> None:
        group = self.groups.get(session.account)
        if group is None:
            return
        self._outbox.leave(group, session)
        if group.empty:
            del self.groups[session.account]
            del self._sent[session.account]

    def tick(self) -> None:
        """Once a second: send each owner the hosts that changed."""
        for account, group in self.groups.items():
            before, rows = self._sent[account], self._rows(account)
            self._sent[account] = rows
            for host, row in rows.items():
                if before.get(host) != row:
                    self._outbox.broadcast(group, row)

    def _rows(self, account: str) -> dict[str, HostUpdate]:
        rows = {row.host: row for row in self._source.fleet_rows(account)}
        for host, row in rows.items():
            if host in self._beats:
                beat, row.heard_ms = self._beats[host]
                row.load, row.vms = beat.load, beat.vms
        return rows
