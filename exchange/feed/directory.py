"""The live directory: every host's public facts, searchable, sent when they change. Pure.

Rows are made again only for accounts that changed, and only when somebody searches or subscribes.
Scanning an account with many hosts and orders takes long, so the more it has, the older its rows
may be. Source: protocol.md, "Public channels"; rules.md 8.2.
"""

from typing import Final, Protocol

from exchange.bucket import Bucket
from exchange.session.encoded import Encoded
from exchange.session.group import Group
from exchange.session.outbox import Outbox
from exchange.session.session import Session
from exchange.units import MS_PER_SECOND
from exchange.wire.frames import DirectorySnapshot, DirectoryUpdate
from exchange.wire.paging import head
from exchange.wire.requests import DirectorySearch

UPDATE_MS: Final = 5 * MS_PER_SECOND
"""At most one update of a host in this time."""
FOUND_MAX: Final = 100
SEARCHES_PER_S: Final = 20
"""Searches for each account, or for each address without a login."""
BUDGETS_MAX: Final = 10_000
"""Budgets kept; when there are more, all are dropped and start full."""
ROWS_PER_MS: Final = 10
"""Scanning this many hosts and asks of an account takes about a millisecond."""
EVERYBODY: Final = ""


class HostSource(Protocol):
    """The part of the engine that the directory reads."""

    def owners(self) -> list[str]: ...
    def directory_rows(self, account: str) -> tuple[list[DirectoryUpdate], int]: ...


class Directory:
    """All rows and subscribers; `touch` marks rows as old, `refresh` makes them, `tick` sends
    them."""

    def __init__(self, source: HostSource, outbox: Outbox) -> None:
        self._source = source
        self._outbox = outbox
        self.group = Group(("directory", "", 0))
        self._rows: dict[str, DirectoryUpdate] = {}
        self._changed: dict[str, None] = {EVERYBODY: None}
        """Accounts that changed since their rows were made."""
        self._fresh_until_ms: dict[str, int] = {}
        self._unsent: dict[str, None] = {}
        self._sent_ms: dict[str, int] = {}
        self._snapshot: list[Encoded] | None = None
        """The snapshot, followed by updates with the rows that did not fit."""
        self._budgets: dict[str, Bucket] = {}

    def join(self, session: Session, now_ms: int) -> None:
        """Subscribe; the snapshot holds every host."""
        self._refresh(now_ms)
        if self._snapshot is None:
            self._snapshot = self._make_snapshot()
        for part in self._snapshot:
            self._outbox.put(session, part.by(session.codec))
        self._outbox.join(self.group, session)

    def _make_snapshot(self) -> list[Encoded]:
        rows = list(self._rows.values())
        held = head(rows)
        snapshot = DirectorySnapshot(rows[:held], len(rows) - held or None)
        return [Encoded(snapshot), *(Encoded(row) for row in rows[held:])]

    def leave(self, session: Session) -> None:
        self._outbox.leave(self.group, session)

    def touch(self, account: str) -> None:
        """``account`` changed; "" means that any account may have."""
        self._changed[account] = None

    def tick(self, now_ms: int) -> None:
        """Once a second: send what changed, each host at most once in `UPDATE_MS`."""
        if self.group.empty:
            return
        self._refresh(now_ms)
        due = [host for host in self._unsent if self._may_send(host, now_ms)]
        for host in due:
            del self._unsent[host]
            self._sent_ms[host] = now_ms
            self._outbox.broadcast(self.group, self._rows[host])

    def wait_ms(self, session: Session, now_ms: int) -> int:
        """Charge one search to the session's account or address; returns 0, or how long to wait."""
        who = session.account or f"@{session.peer}"
        budget = self._budgets.get(who)
        if budget is None:
            if len(self._budgets) >= BUDGETS_MAX:
                self._budgets.clear()
            budget = self._budgets[who] = Bucket(now_ms, SEARCHES_PER_S)
        return budget.take(now_ms, SEARCHES_PER_S)

    def search(self, wanted: DirectorySearch, now_ms: int) -> list[DirectoryUpdate]:
        """Return the hosts that fit, cheapest first, at most `FOUND_MAX`."""
        self._refresh(now_ms)
        found = [row for row in self._rows.values() if fits(row, wanted)]
        found.sort(key=lambda row: _price_ucr(row, wanted.class_))
        return found[:FOUND_MAX]

    def _may_send(self, host: str, now_ms: int) -> bool:
        sent_ms = self._sent_ms.get(host)
        return sent_ms is None or now_ms - sent_ms >= UPDATE_MS

    def _refresh(self, now_ms: int) -> None:
        if EVERYBODY in self._changed:
            del self._changed[EVERYBODY]
            self._changed |= dict.fromkeys(self._source.owners())
        for account in list(self._changed):
            if self._fresh_until_ms.get(account, 0) <= now_ms:
                del self._changed[account]
                self._remake(account, now_ms)

    def _remake(self, account: str, now_ms: int) -> None:
        rows, looked_at = self._source.directory_rows(account)
        self._fresh_until_ms[account] = now_ms + looked_at // ROWS_PER_MS
        for row in rows:
            if self._rows.get(row.host) != row:
                self._rows[row.host] = row
                self._unsent[row.host] = None
                self._snapshot = None


def fits(row: DirectoryUpdate, wanted: DirectorySearch) -> bool:
    """Return whether the host matches every field of the search that is set."""
    class_name = wanted.class_
    if wanted.zone not in (None, row.zone) or wanted.status not in (None, row.status):
        return False
    if class_name is not None and class_name not in row.classes:
        return False
    if wanted.free_min is not None:
        free = row.free_units
        most = max(free.values(), default=0) if class_name is None else free[class_name]
        if most < wanted.free_min:
            return False
    if wanted.price_max_ucr is not None:
        dear, price_ucr = _price_ucr(row, class_name)
        return not dear and price_ucr <= wanted.price_max_ucr
    return True


def _price_ucr(row: DirectoryUpdate, class_name: str | None) -> tuple[bool, int]:
    """Return the best price of a class (None: of any) for sorting; hosts without a price come
    last."""
    for ask in row.asks:
        if class_name is None or ask.symbol.startswith(f"{class_name}."):
            return False, ask.price_ucr
    return True, 0
