"""Who trades what on the demo's exchange: its zones and books, and the background traders.

The whole demo has metered books and delivery windows beside the flat ones; the tests of screens
take the flat ones alone.
"""

from typing import Final, NamedTuple, TypeVar

from msgspec.structs import replace

from exchange.model.config import ExchangeConfig, InstrumentConfig, WindowConfig, ZoneConfig
from exchange.trading.windows import hour_text
from exchange.units import MS_PER_HOUR
from exchange.wire.requests import OrderPlace, OrderReplace
from exchange.wire.terms import DEFAULT_CLASSES
from sim.actors.traders import TraderConfig

TICK_UCR: Final = 100
HOLD_MS: Final = (5_000, 45_000)
"""How long a background trader keeps a lease: short, so that the market keeps moving."""
PRICES_UCR: Final = {"nano": 9_000, "small": 31_200, "medium": 61_800, "large": 122_500}
ZONES: Final = {"eu-de": ("DE", 100), "eu-fr": ("FR", 106)}
"""Country and price level in per cent."""
MAKERS: Final = 4
NOISE: Final = 3
UNITS: Final = 60
"""Units that a background trader bids for, and that its host can back."""
METERED: Final = ("small", "medium")
METERED_PCT: Final = 135
"""A metered hour costs more than a flat one: what is not used is not paid."""
WINDOW_CLASS: Final = "small"
HOURS_AHEAD: Final = 6
HOUR_PCT: Final = (82, 86, 94, 104, 112, 118, 110, 97)
"""A window's price by its hour of the day, three hours each: cheap nights, dear evenings."""

Message = TypeVar("Message")


class Casting(NamedTuple):
    """One background trader: what it trades, how, how often."""

    kind: str
    config: TraderConfig


def config(whole: bool) -> ExchangeConfig:
    """Return two zones with every class in each, at a tick a person can read."""
    zones = [
        ZoneConfig(zone=zone, country=country, accel=["simulated"])
        for zone, (country, _) in ZONES.items()
    ]
    books = [(name, zone, "flat") for zone in ZONES for name in PRICES_UCR]
    windows: list[WindowConfig] = []
    if whole:
        books += [(name, zone, "metered") for zone in ZONES for name in METERED]
        windows = [
            WindowConfig(
                class_=WINDOW_CLASS,
                zone=zone,
                pricing="flat",
                hours_ahead=HOURS_AHEAD,
                tick_ucr=TICK_UCR,
            )
            for zone in ZONES
        ]
    instruments = [
        InstrumentConfig(
            class_=name,
            zone=zone,
            pricing="flat" if pricing == "flat" else "metered",
            tick_ucr=TICK_UCR,
        )
        for name, zone, pricing in books
    ]
    return ExchangeConfig(
        classes=DEFAULT_CLASSES, zones=zones, instruments=instruments, windows=windows
    )


def cast(whole: bool) -> list[Casting]:
    """Return the background traders: a few makers and some noise in every spot book."""
    parts = []
    for zone, (_, level_pct) in ZONES.items():
        for name, price_ucr in PRICES_UCR.items():
            symbol, price_ucr = f"{name}.{zone}.flat.spot", price_ucr * level_pct // 100
            rate = 60.0 if name == "small" else 25.0
            parts += _company(symbol, price_ucr, rate, MAKERS, NOISE)
            if whole and name in METERED:
                metered = f"{name}.{zone}.metered.spot"
                parts += _company(metered, price_ucr * METERED_PCT // 100, 8.0, 2, 1)
    return parts


def window_cast(start_ms: int) -> list[Casting]:
    """Return who trades the windows that begin at ``start_ms``."""
    hour = start_ms // MS_PER_HOUR % 24
    parts = []
    for number, (zone, (_, level_pct)) in enumerate(ZONES.items()):
        symbol = f"{WINDOW_CLASS}.{zone}.flat.{hour_text(start_ms)}"
        price_ucr = PRICES_UCR[WINDOW_CLASS] * level_pct // 100 * HOUR_PCT[hour // 3] // 100
        parts += _company(symbol, price_ucr, 5.0, 1, 1 - number)
    return parts


def on_tick(message: Message) -> Message:
    """Return ``message`` with its price on the demo's coarse tick; the traders know only tick 1."""
    if isinstance(message, OrderPlace | OrderReplace) and message.price_ucr is not None:
        price_ucr = max(TICK_UCR, round(message.price_ucr / TICK_UCR) * TICK_UCR)
        return replace(message, price_ucr=price_ucr)
    return message


def next_hour_ms(now_ms: int) -> int:
    """Return when the next hour begins."""
    return now_ms - now_ms % MS_PER_HOUR + MS_PER_HOUR


def _company(symbol: str, price_ucr: int, rate: float, makers: int, noise: int) -> list[Casting]:
    return [
        _casting("market_maker" if number < makers else "noise", symbol, price_ucr, rate, number)
        for number in range(makers + noise)
    ]


def _casting(kind: str, symbol: str, price_ucr: int, rate: float, number: int) -> Casting:
    what = symbol.removesuffix(".spot").replace(".flat", "").replace(".", "-")
    trader = TraderConfig(
        name=f"{kind.replace('_', '-')}-{what}-{number}",
        symbol=symbol,
        price_ucr=price_ucr,
        rate_per_min=rate,
        units=UNITS,
        levels=8,
        spread_pct=0.7 + 0.4 * number,
        step_pct=0.45,
        level_units=8 if kind == "market_maker" else 4,
        max_bought=UNITS,
        hold_min_ms=HOLD_MS[0],
        hold_max_ms=HOLD_MS[1],
    )
    return Casting(kind, trader)
