"""What may be spent in a day and a month: charges so far plus what is held for the running hour.

By rule and over the whole account. Charges post hourly and at the end of a lease, so the hour that
runs is bounded by its hold: price x units x 1 h. Days and months are UTC. After a start the
account's statement tells what was charged this month. A charge of a lease that has ended by then
does not say whose it was: it counts for the account, and for every rule that buys the same symbol.
Pure.
"""

from collections.abc import Callable, Container, Iterable
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple, TypeAlias

from msgspec import Struct

from exchange.units import MS_PER_DAY, MS_PER_SECOND
from manager.core.messages import PastCharge
from manager.core.windows import window_ms

MAX_LEASES: Final = 10_000
"""Leases remembered, ended ones included: a last charge may come after the end."""

Span: TypeAlias = Literal["day", "month"]
SPANS: Final[tuple[Span, ...]] = ("day", "month")


class Cap(NamedTuple):
    """What may be charged at most in a span; the administrator finds it under ``key``."""

    span: Span
    key: str
    most_ucr: int


class Spend(Struct, frozen=True):
    """``[spend]``: limits over the whole account; ``None``: there is none."""

    day_ucr: int | None = None
    month_ucr: int | None = None

    def of(self, span: Span) -> int | None:
        return self.day_ucr if span == "day" else self.month_ucr

    def caps(self, key: str) -> list[Cap]:
        """Return the limits there are; ``key`` and the span name them."""
        found = [(span, self.of(span)) for span in SPANS]
        return [Cap(span, key + span, most) for span, most in found if most is not None]


class Paid(Struct):
    """What one lease was charged so far, and for whom."""

    rule: str
    charged_ucr: int


class Sums(Struct):
    """Charges of the current day and month."""

    day_ucr: int = 0
    month_ucr: int = 0

    def of(self, span: Span) -> int:
        return self.day_ucr if span == "day" else self.month_ucr

    def add(self, other: "Sums") -> None:
        self.day_ucr += other.day_ucr
        self.month_ucr += other.month_ucr


class Past(Struct):
    """What the statement tells of a lease that is not known yet, or not any more."""

    symbol: str
    charged_ucr: int
    sums: Sums


class Budget:
    """Charges of the current UTC day and month."""

    def __init__(self) -> None:
        self.symbols_of: Callable[[str], Container[str]] = lambda rule: ()
        """The symbols that a rule buys."""
        self._day = self._month_began = 0
        self._by_rule: dict[str, Sums] = {}
        self._all = Sums()
        self._paid: dict[str, Paid] = {}
        self._past: dict[str, Past] = {}

    def past(self, rows: Iterable[PastCharge], now_ms: int) -> None:
        """Take this month's charges from before the start."""
        self._turn(now_ms)
        for row in rows:
            if row.ts_ms >= self._month_began:
                sums = self._sums(row.amount_ucr, window_ms(row.symbol) or row.ts_ms)
                past = self._past.setdefault(row.lease_id, Past(row.symbol, 0, Sums()))
                past.charged_ucr += row.amount_ucr
                past.sums.add(sums)
                self._all.add(sums)

    def lease(self, lease_id: str, rule: str, charged_ucr: int, now_ms: int) -> None:
        """A lease of ``rule`` stands at ``charged_ucr``; what is new since is spent today.

        One that the statement told of has no more charges than those, and older ones of a month
        before.
        """
        self._turn(now_ms)
        past = self._past.pop(lease_id, None)
        if past is not None:
            self._paid[lease_id] = Paid(rule, max(charged_ucr, past.charged_ucr))
            self._by_rule.setdefault(rule, Sums()).add(past.sums)
        paid = self._paid.setdefault(lease_id, Paid(rule, 0))
        self._spend(paid, charged_ucr - paid.charged_ucr, now_ms)
        if len(self._paid) > MAX_LEASES:
            del self._paid[next(iter(self._paid))]

    def charged(
        self, lease_id: str, amount_ucr: int, now_ms: int, for_ms: int | None = None
    ) -> str | None:
        """Count a charge; return the rule whose it is, ``None`` when no rule bought the lease.

        ``for_ms``: it counts for that day and month, by default for now.
        """
        paid = self._paid.get(lease_id)
        if paid is None:
            self._turn(now_ms)
            self._all.add(Sums(amount_ucr, amount_ucr))
            return None
        self._spend(paid, amount_ucr, now_ms, for_ms)
        return paid.rule

    def spent_ucr(self, rule: str, now_ms: int) -> int:
        """Return what ``rule`` was charged since midnight UTC."""
        return self.sums(rule, now_ms).day_ucr

    def sums(self, rule: str | None, now_ms: int) -> Sums:
        """Return what ``rule`` was charged in this day and month, for ``None`` the account."""
        self._turn(now_ms)
        if rule is None:
            return self._all
        found = Sums()
        found.add(self._by_rule.get(rule, Sums()))
        if self._past:
            symbols = self.symbols_of(rule)
            for past in self._past.values():
                if past.symbol in symbols:
                    found.add(past.sums)
        return found

    def _spend(self, paid: Paid, amount_ucr: int, now_ms: int, for_ms: int | None = None) -> None:
        if amount_ucr > 0:
            self._turn(now_ms)
            paid.charged_ucr += amount_ucr
            spent = self._sums(amount_ucr, now_ms if for_ms is None else for_ms)
            for sums in (self._by_rule.setdefault(paid.rule, Sums()), self._all):
                sums.add(spent)

    def _sums(self, amount_ucr: int, at_ms: int) -> Sums:
        """Return what an amount of ``at_ms`` adds to the current day and month."""
        month_ucr = amount_ucr if at_ms >= self._month_began else 0
        return Sums(amount_ucr if at_ms // MS_PER_DAY == self._day else 0, month_ucr)

    def _turn(self, now_ms: int) -> None:
        """A new day or month begins with nothing spent."""
        day = now_ms // MS_PER_DAY
        if day == self._day:
            return
        self._day = day
        month_began = month_start_ms(now_ms)
        new_month = month_began != self._month_began
        self._month_began = month_began
        if new_month:
            self._past.clear()
        every = [self._all, *self._by_rule.values(), *(past.sums for past in self._past.values())]
        for sums in every:
            sums.day_ucr = 0
            sums.month_ucr = 0 if new_month else sums.month_ucr


def month_start_ms(now_ms: int) -> int:
    """Return when the UTC month began."""
    now = datetime.fromtimestamp(now_ms // MS_PER_SECOND, UTC)
    return int(datetime(now.year, now.month, 1, tzinfo=UTC).timestamp()) * MS_PER_SECOND
