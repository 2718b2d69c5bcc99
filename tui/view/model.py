"""The terminal's whole data of the market and the account: one fold over all frames."""

from typing import Final, Literal, TypeAlias

from exchange.wire.frames import (
    BalanceUpdate,
    BookSnapshot,
    BookUpdate,
    Candle,
    Charge,
    DirectorySnapshot,
    DirectoryUpdate,
    Heartbeat,
    HostUpdate,
    InstrumentsSnapshot,
    InstrumentUpdate,
    LeaseUpdate,
    Notice,
    OrderUpdate,
    ServerMessage,
    Trade,
    TradesSnapshot,
    VmUpdate,
)
from tui.view.account import Account
from tui.view.book import BookView
from tui.view.candles import Candles
from tui.view.connection import Connection
from tui.view.directory import Directory
from tui.view.instruments import sort_key
from tui.view.log import Log, is_routine
from tui.view.tape import Tape
from tui.view.text import places_of
from tui.view.words import Message, happened

Topic: TypeAlias = Literal[
    "book", "tape", "candles", "account", "instruments", "fleet", "connection"
]

WATCHED_MAX: Final = 48
"""Instruments whose book and trades are followed for the list; the selected one always is."""
DEFAULT_PLACES: Final = 4
STANDS_MS: Final = 4_000
"""What a person's own act came to is not covered by a Manager's routine for so long."""


class Model:
    """Folds frames; times are the local clock's milliseconds."""

    def __init__(self) -> None:
        self.connection = Connection()
        self.account = Account()
        self.log = Log()
        self.directory = Directory()
        self.instruments: dict[str, InstrumentUpdate] = {}
        self.books: dict[str, BookView] = {}
        self.tapes: dict[str, Tape] = {}
        self.candles = Candles()
        self.fleet: dict[str, HostUpdate] = {}
        """The account's hosts by id, as far as the channel is followed."""
        self.message: Message | None = None
        self._routine: Message | None = None
        """The last message that told of a Manager's routine."""
        self.clock_offset_ms = 0
        """The exchange's clock minus ours. Only heartbeats tell: account frames may be replayed."""

    def apply(self, frame: ServerMessage, now_ms: int) -> tuple[Topic, str]:
        """Fold ``frame``; return which topic changed, and the symbol it was about or ""."""
        self.connection.heard(now_ms)
        match frame:
            case BookSnapshot():
                self.book(frame.symbol).reset(frame)
                return "book", frame.symbol
            case BookUpdate():
                self.book(frame.symbol).apply(frame)
                return "book", frame.symbol
            case Trade():
                self.tape(frame.symbol).add(frame)
                return "tape", frame.symbol
            case TradesSnapshot():
                self.tape(frame.symbol).reset(frame)
                return "tape", frame.symbol
            case Candle():
                self.candles.add(frame)
                return "candles", frame.symbol
            case InstrumentUpdate():
                self.instruments[frame.symbol] = frame
                return "instruments", frame.symbol
            case InstrumentsSnapshot():
                self.instruments = {item.symbol: item for item in frame.instruments}
                return "instruments", ""
            case OrderUpdate() | BalanceUpdate() | LeaseUpdate() | VmUpdate() | Charge() | Notice():
                self.account.apply(frame)
                self._say(frame, now_ms)
                return "account", ""
            case HostUpdate():
                self.fleet[frame.host] = frame
                return "fleet", frame.host
            case DirectorySnapshot() | DirectoryUpdate():
                self.directory.apply(frame)
                return "connection", ""
            case Heartbeat():
                self.clock_offset_ms = frame.ts_ms - now_ms
                return "connection", ""
            case _:
                return "connection", ""

    def _say(
        self,
        frame: OrderUpdate | BalanceUpdate | LeaseUpdate | VmUpdate | Charge | Notice,
        now_ms: int,
    ) -> None:
        symbol = frame.symbol if isinstance(frame, OrderUpdate) else ""
        said = happened(frame, self.places(symbol))
        self.log.happened(frame, said, now_ms)
        if said is None:
            return
        said = said._replace(at_ms=now_ms)
        if is_routine(frame):
            if self._stands(now_ms):
                return
            self._routine = said
        self.message = said

    def _stands(self, now_ms: int) -> bool:
        """Tell whether what is said now is a person's, and was said just now."""
        said = self.message
        return (
            said is not None and said is not self._routine and 0 <= now_ms - said.at_ms < STANDS_MS
        )

    def book(self, symbol: str) -> BookView:
        if symbol not in self.books:
            self.books[symbol] = BookView(symbol)
        return self.books[symbol]

    def tape(self, symbol: str) -> Tape:
        if symbol not in self.tapes:
            self.tapes[symbol] = Tape()
        return self.tapes[symbol]

    def places(self, symbol: str) -> int:
        """Return the decimals of prices of ``symbol``."""
        known = self.instruments.get(symbol)
        return places_of(known.tick_ucr) if known else DEFAULT_PLACES

    def most_places(self) -> int:
        """Return the decimals a column needs that shows prices of every instrument."""
        places = [places_of(item.tick_ucr) for item in self.instruments.values()]
        return max(places, default=DEFAULT_PLACES)

    def listed(self) -> list[InstrumentUpdate]:
        """Return the instruments that are not over, spot first, then windows by hour."""
        alive = [item for item in self.instruments.values() if item.state != "settled"]
        return sorted(alive, key=sort_key)

    def forget_settled(self, shown: str) -> list[str]:
        """Forget what is over, not ``shown`` and not held; return its symbols, see `drop`."""
        kept = {shown, *self.account.symbols()}
        over = [
            item.symbol
            for item in self.instruments.values()
            if item.state == "settled" and item.symbol not in kept
        ]
        for symbol in over:
            del self.instruments[symbol]
        return over

    def drop(self, symbol: str) -> None:
        """Let go of the prices of an instrument that is not followed any more."""
        self.books.pop(symbol, None)
        self.tapes.pop(symbol, None)
        self.candles.drop(symbol)

    def activity(self, symbol: str) -> tuple[int, int, int]:
        """Return how lively ``symbol`` is: more trades kept, begun later, more levels is more."""
        trades, book = self.tape(symbol).trades, self.book(symbol)
        oldest_ms = min((trade.ts_ms for trade in trades), default=0)
        return len(trades), oldest_ms, len(book.bids) + len(book.asks)

    def watched(self) -> list[str]:
        """Return the symbols to follow for the list: the first open ones."""
        symbols = [item.symbol for item in self.listed() if item.state == "open"]
        return symbols[:WATCHED_MAX]
