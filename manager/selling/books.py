"""Which symbols a group may sell in, and at which price. Pure.

A price that others set is kept for `HOLD_MS`, so that two sellers who follow each other do so
slowly, down to the floor of the first who stops.
"""

from datetime import UTC, tzinfo
from typing import Any, Final

from msgspec import Struct

from exchange.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE, MS_PER_SECOND
from exchange.wire.frames import InstrumentUpdate
from exchange.wire.terms import RECALL_NOTICE_MS
from exchange.wire.types import SPOT
from manager.selling.depth import Depth
from manager.selling.group import Group
from manager.selling.hours import next_minute_ms
from manager.selling.price import Hourly, Relative, on_tick, wanted_ucr

HOLD_MS: Final = 10 * MS_PER_SECOND
AHEAD_MS: Final = 8 * MS_PER_DAY
"""How far a preview looks for the next hours of a group."""


class Held(Struct):
    price_ucr: int
    at_ms: int


class Books:
    """``clocks``: by country, for groups that name no time zone."""

    def __init__(self, clocks: dict[str, tzinfo]) -> None:
        self.depth = Depth()
        self._clocks = clocks
        self._by_symbol: dict[str, InstrumentUpdate] = {}
        self._by_place: dict[tuple[str, str, str], dict[str, InstrumentUpdate]] = {}
        self._held: dict[tuple[str, str], Held] = {}
        self._covered: dict[tuple[Any, str], bool] = {}
        """By a group's hours and clock, so that other hours are looked at anew, and symbol."""
        self._countries: dict[str, str] = {}

    def update(self, row: InstrumentUpdate) -> bool:
        """Take in an instrument; return whether that is news."""
        if self._by_symbol.get(row.symbol) == row:
            return False
        place = row.class_, row.zone, row.pricing
        self._countries[row.zone] = row.country
        if row.state == "settled":
            self._forget(row.symbol, place)
        else:
            self._by_symbol[row.symbol] = row
            self._by_place.setdefault(place, {})[row.delivery] = row
        return True

    def _forget(self, symbol: str, place: tuple[str, str, str]) -> None:
        row = self._by_symbol.pop(symbol, None)
        if row is not None:
            self._by_place[place].pop(row.delivery, None)
        self.depth.forget(symbol)
        self._held = {key: held for key, held in self._held.items() if key[1] != symbol}
        self._covered = {key: all_ for key, all_ in self._covered.items() if key[1] != symbol}

    def find(self, class_name: str, zone: str, pricing: str, delivery: str) -> str | None:
        row = self._by_place.get((class_name, zone, pricing), {}).get(delivery)
        return None if row is None else row.symbol

    def tradable(self, symbol: str) -> bool:
        row = self._by_symbol.get(symbol)
        return row is not None and row.state == "open"

    def clock(self, group: Group, country: str) -> tzinfo:
        return group.offer.clock or self._clocks.get(country, UTC)

    def spot_open(self, group: Group, zone: str, at_ms: int) -> bool:
        """Return whether the group sells spot now. What ends with its hours is recalled in time."""
        calendar = group.offer.calendar
        if calendar.always:
            return True
        clock = self.clock(group, self._countries.get(zone, ""))
        ahead_ms = RECALL_NOTICE_MS if group.offer.notice_only else 0
        return calendar.open_at(at_ms, clock) and calendar.open_at(at_ms + ahead_ms, clock)

    def closed_text(self, group: Group, zone: str, at_ms: int) -> str:
        """Say why the group sells no spot now, while `spot_open` says that it does not."""
        return group.offer.calendar.closed_text(
            at_ms, self.clock(group, self._countries.get(zone, ""))
        )

    def opens_ms(self, group: Group, zone: str, at_ms: int) -> int | None:
        """Return when spot is on sale next, ``None``: not within `AHEAD_MS`."""
        first_ms = next_minute_ms(at_ms)
        minutes = range(first_ms, at_ms + AHEAD_MS, MS_PER_MINUTE)
        return next((ms for ms in minutes if self.spot_open(group, zone, ms)), None)

    def deliveries(self, group: Group, zone: str, at_ms: int) -> list[str]:
        """Return what may be on sale in the zone now: ``spot``, and windows by their start."""
        offer = group.offer
        found = dict[str, None]()
        for class_name in offer.shapes:
            for delivery, row in self._by_place.get((class_name, zone, offer.pricing), {}).items():
                if delivery in found:
                    continue
                if delivery == SPOT:
                    if SPOT in offer.delivery and self.spot_open(group, zone, at_ms):
                        found[delivery] = None
                elif "window" in offer.delivery and self._window_open(group, row):
                    found[delivery] = None
        return list(found)

    def _window_open(self, group: Group, row: InstrumentUpdate) -> bool:
        """A window is on sale if the group's hours cover all of it."""
        if row.state not in ("open", "halted") or row.start_ms is None:
            return False
        if group.offer.calendar.always:
            return True
        clock = self.clock(group, row.country)
        key = (group.offer.calendar, clock), row.symbol
        if key not in self._covered:
            self._covered[key] = group.offer.calendar.open_all(
                row.start_ms, row.start_ms + MS_PER_HOUR, clock
            )
        return self._covered[key]

    def price_ucr(self, group: Group, symbol: str, now_ms: int, at_ms: int) -> int | None:
        """Return the price to ask, ``None`` while what it depends on is not known.

        ``at_ms``: the time by the exchange's clock, ``now_ms`` by our own.
        """
        wanted = self.wanted_ucr(group, symbol, at_ms)
        if wanted is None or self._best_ucr(group, symbol) is None:
            return wanted
        return self._hold(group, symbol, wanted, now_ms)

    def wanted_ucr(self, group: Group, symbol: str, at_ms: int) -> int | None:
        """Return the price of now by the exchange's clock, whatever was asked a moment ago."""
        row, price = self._by_symbol.get(symbol), group.offer.price
        if row is None or price is None:
            return None
        if isinstance(price, Relative) and not self.depth.known(symbol):
            return None
        at_ms = at_ms if row.start_ms is None else row.start_ms
        clock = self.clock(group, row.country)
        wanted = wanted_ucr(price, at_ms, clock, self._best_ucr(group, symbol))
        return on_tick(max(1, wanted), row.tick_ucr)

    def _best_ucr(self, group: Group, symbol: str) -> int | None:
        """Return what a relative price goes by, ``None`` while nobody else is there."""
        price = group.offer.price
        if not isinstance(price, Relative):
            return None
        return self.depth.best_ucr(symbol, "sell" if price.to == "best_ask" else "buy")

    def hour_price(self, group: Group, zone: str, at_ms: int) -> int | None:
        """Return the price of the hour, ``None`` for a group without a list of them."""
        price = group.offer.price
        if not isinstance(price, Hourly):
            return None
        return wanted_ucr(price, at_ms, self.clock(group, self._countries.get(zone, "")), None)

    def held_until_ms(self, group: Group, symbol: str) -> int:
        held = self._held.get((group.name, symbol))
        return 0 if held is None else held.at_ms + HOLD_MS

    def _hold(self, group: Group, symbol: str, price_ucr: int, now_ms: int) -> int:
        key = group.name, symbol
        held = self._held.get(key)
        if held is None or (held.price_ucr != price_ucr and now_ms >= held.at_ms + HOLD_MS):
            held = self._held[key] = Held(price_ucr, now_ms)
        return held.price_ucr
