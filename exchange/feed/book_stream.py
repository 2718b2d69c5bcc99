"""One book as its subscribers have it: makes updates, and tracks who still needs them. Pure.

A frame is made once per symbol, depth and batch, for all listeners. The engine names the levels
that a batch touched, so updates of the whole book cost no more than updates of the best 25 levels.
Source: protocol.md, "Public channels".
"""

from collections.abc import Iterable
from typing import Final, Protocol, TypeAlias
from zlib import crc32

from exchange.session.conflation import Standing
from exchange.session.group import Group
from exchange.session.outbox import Outbox
from exchange.session.session import Session
from exchange.wire.frames import BookSnapshot, BookUpdate, InstrumentUpdate, LevelRow
from exchange.wire.types import LEVELS_MAX, Side

CHECKED_LEVELS: Final = 10
DEFAULT_DEPTH: Final = 25
ALL_LEVELS: Final = 0

BookFrame: TypeAlias = BookSnapshot | BookUpdate


class BookSource(Protocol):
    """The part of the engine that the feed reads."""

    @property
    def seq(self) -> int: ...
    def levels(self, symbol: str, side: Side, depth: int) -> list[LevelRow]: ...
    def level(self, symbol: str, key: int) -> LevelRow | None: ...
    def symbols(self) -> list[str]: ...
    def take_touched(self, symbol: str) -> dict[int, None]: ...
    def instruments(self) -> list[InstrumentUpdate]: ...


def checksum(bids: list[LevelRow], asks: list[LevelRow]) -> int:
    """Return the unsigned crc32 over the best 10 asks, then bids; both lists are best first."""
    rows = asks[:CHECKED_LEVELS] + bids[:CHECKED_LEVELS]
    return crc32("".join([f"{price}{qty}" for price, qty, _ in rows]).encode())


class BookStream:
    """One symbol at one depth: what its subscribers hold, and who they are.

    ``_bids`` and ``_asks`` are the levels they were sent, by key: +price of a bid, -price of an
    ask, so that on either side the greater key is the better one.
    """

    __slots__ = (
        "_asks",
        "_behind",
        "_bids",
        "_checksum",
        "_depth",
        "_outbox",
        "_seq",
        "_source",
        "group",
        "joining",
        "symbol",
    )

    def __init__(self, source: BookSource, outbox: Outbox, symbol: str, depth: int) -> None:
        self._source = source
        self._outbox = outbox
        self.symbol = symbol
        self._depth = depth
        self.group = Group(("book", symbol, depth))
        """Those that are sent its updates."""
        self.joining: dict[int, Session] = {}
        self._behind: dict[int, Standing] = {}
        self._seq = source.seq
        self._bids, self._asks = self._visible(1), self._visible(-1)
        self._checksum = self._check()

    @property
    def idle(self) -> bool:
        """The last subscriber left."""
        return not (self.group.sessions or self.joining or self._behind)

    def snapshot(self, now_ms: int) -> list[BookFrame]:
        """Return all that was sent; called right after `update`, so that the book is just that.

        The snapshot holds the best levels. Levels that do not fit in it follow as updates, numbered
        so that the last one has our ``seq``: a reader that applies the book rule then has the whole
        book.
        """
        bids, asks = self._levels("buy", self._depth), self._levels("sell", self._depth)
        if len(bids) + len(asks) <= LEVELS_MAX:
            return [BookSnapshot(self.symbol, self._seq, now_ms, bids, asks, self._checksum)]
        half = LEVELS_MAX // 2
        starts = range(0, max(len(bids), len(asks)), half)
        first = self._seq - len(starts) + 1
        return [
            self._part(first + number, now_ms, bids[at : at + half], asks[at : at + half], at == 0)
            for number, at in enumerate(starts)
        ]

    def _part(
        self, seq: int, now_ms: int, bids: list[LevelRow], asks: list[LevelRow], begins: bool
    ) -> BookFrame:
        if begins:
            return BookSnapshot(self.symbol, seq, now_ms, bids, asks, self._checksum)
        return BookUpdate(self.symbol, seq - 1, seq, now_ms, bids, asks, self._checksum)

    def ended(self, now_ms: int) -> BookSnapshot:
        """Return the snapshot of a book that is gone: it is empty, since its orders ended first."""
        return BookSnapshot(self.symbol, self._source.seq, now_ms, [], [], checksum([], []))

    def listeners(self) -> list[int]:
        """Return the numbers of all sessions that follow it, in whatever way."""
        return [*self.group.sessions, *self.joining, *self._behind]

    def join(self) -> None:
        """New subscribers have their snapshot: they are sent updates from now on."""
        for number, session in self.joining.items():
            if session.behind is None:
                self._outbox.join(self.group, session)
            else:
                self._behind[number] = Standing(self._seq, {})
        self.joining.clear()

    def leave(self, session: Session) -> None:
        self._outbox.leave(self.group, session)
        self.joining.pop(session.number, None)
        self._behind.pop(session.number, None)

    def fall_behind(self, session: Session) -> None:
        """Remember a slow reader's state of the book; it is sent no update until it catches up."""
        if self.group.has(session):
            self._outbox.leave(self.group, session)
            self._behind[session.number] = Standing(self._seq, {})

    def catch_up(self, session: Session, now_ms: int) -> list[BookFrame]:
        """Return the updates from the reader's state to the present: mostly one, or none."""
        stood = self._behind.pop(session.number, None)
        if stood is None:
            return []
        self._outbox.join(self.group, session)
        if stood.seq == self._seq:
            return []
        # Also when the levels are the same again: the next update's prev_seq is this one's seq.
        keys = [key for key, held in stood.held.items() if self._side(key).get(key) != held]
        return self._frames(stood.seq, keys, now_ms)

    def update(self, touched: Iterable[int], now_ms: int) -> list[BookFrame]:
        """Return the updates since the last frame: mostly one, or none.

        ``touched`` are the keys of the levels that may have changed: it costs no more than these,
        unless a level enters or leaves the depth.
        """
        keys: list[int] = []
        for key, row in self._now(touched).items():
            sent = self._side(key)
            before = sent.get(key)
            if before != row:
                keys.append(key)
                for standing in self._behind.values():
                    standing.held.setdefault(key, before)
                if row is None:
                    del sent[key]
                else:
                    sent[key] = row
        if not keys:
            return []
        prev_seq, self._seq = self._seq, self._source.seq
        self._checksum = self._check()
        return self._frames(prev_seq, keys, now_ms)

    def _now(self, touched: Iterable[int]) -> dict[int, LevelRow | None]:
        """Return the present state of the levels that may differ from what was sent."""
        now: dict[int, LevelRow | None] = {}
        moved: dict[int, None] = {}
        for key in touched:
            row, sent = self._source.level(self.symbol, key), self._side(key)
            if not self._depth or (row is not None and key in sent):
                now[key] = row
            elif key in sent or (row and (len(sent) < self._depth or key > min(sent))):
                moved[1 if key > 0 else -1] = None
        for sign in moved:  # One that enters pushes another out, and the reverse.
            sent, visible = self._side(sign), self._visible(sign)
            now |= {key: row for key, row in visible.items() if sent.get(key) != row}
            now |= {key: None for key in sent if key not in visible}
        return now

    def _side(self, key: int) -> dict[int, LevelRow]:
        return self._bids if key > 0 else self._asks

    def _visible(self, sign: int) -> dict[int, LevelRow]:
        rows = self._levels("buy" if sign > 0 else "sell", self._depth)
        return {sign * row[0]: row for row in rows}

    def _levels(self, side: Side, depth: int) -> list[LevelRow]:
        return self._source.levels(self.symbol, side, depth)

    def _check(self) -> int:
        return checksum(self._levels("buy", CHECKED_LEVELS), self._levels("sell", CHECKED_LEVELS))

    def _frames(self, prev_seq: int, keys: list[int], now_ms: int) -> list[BookFrame]:
        if len(keys) > LEVELS_MAX:  # Too few sequence numbers to cut it into parts.
            return self.snapshot(now_ms)
        rows = [(key, self._side(key).get(key) or (abs(key), 0, 0)) for key in keys]
        bids, asks = [row for key, row in rows if key > 0], [row for key, row in rows if key < 0]
        seq, check = self._seq, self._checksum
        return [BookUpdate(self.symbol, prev_seq, seq, now_ms, bids, asks, check)]
