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
from exchange.wire.types import Pricing
from sim.actors.traders import TraderConfig

SYMBOL: Final = "small.eu-de.flat.spot"
"""The book that is shown first."""
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


class BackgroundTrader(NamedTuple):
    """One background trader: what it trades, how, how often."""

    kind: str
    config: TraderConfig


def flat_config() -> ExchangeConfig:
    """Return two zones with every class in each, at a tick a person can read."""
    zones = [ZoneConfig(zone, country, ["simulated"]) for zone, (country, _) in ZONES.items()]
    spots = [_instrument(name, zone, "flat") for zone in ZONES for name in PRICES_UCR]
    return ExchangeConfig(classes=DEFAULT_CLASSES, zones=zones, instruments=spots)


def whole_config() -> ExchangeConfig:
    """Return `flat_config` with metered books, and windows of one class, beside the flat ones."""
    flat = flat_config()
    metered = [_instrument(name, zone, "metered") for zone in ZONES for name in METERED]
    windows = [
        WindowConfig(WINDOW_CLASS, zone, "flat", hours_ahead=HOURS_AHEAD, tick_ucr=TICK_UCR)
        for zone in ZONES
    ]
    return replace(flat, instruments=[*flat.instruments, *metered], windows=windows)


def _instrument(class_: str, zone: str, pricing: Pricing) -> InstrumentConfig:
    return InstrumentConfig(class_, zone, pricing, tick_ucr=TICK_UCR)


def flat_traders() -> list[BackgroundTrader]:
    """Return a few makers and some noise in every flat spot book."""
    traders = []
    for zone, (_, level_pct) in ZONES.items():
        for name, price_ucr in PRICES_UCR.items():
            rate = 60.0 if name == "small" else 25.0
            level_ucr = price_ucr * level_pct // 100
            traders += _traders(f"{name}.{zone}.flat.spot", level_ucr, rate, MAKERS, NOISE)
    return traders


def metered_traders() -> list[BackgroundTrader]:
    """Return who trades the metered spot books: fewer, and slower."""
    traders = []
    for zone, (_, level_pct) in ZONES.items():
        for name in METERED:
            level_ucr = PRICES_UCR[name] * level_pct // 100 * METERED_PCT // 100
            traders += _traders(f"{name}.{zone}.metered.spot", level_ucr, 8.0, 2, 1)
    return traders


def window_traders(start_ms: int) -> list[BackgroundTrader]:
    """Return who trades the windows that begin at ``start_ms``."""
    hour = start_ms // MS_PER_HOUR % 24
    traders = []
    for number, (zone, (_, level_pct)) in enumerate(ZONES.items()):
        symbol = f"{WINDOW_CLASS}.{zone}.flat.{hour_text(start_ms)}"
        price_ucr = PRICES_UCR[WINDOW_CLASS] * level_pct // 100 * HOUR_PCT[hour // 3] // 100
        traders += _traders(symbol, price_ucr, 5.0, 1, 1 - number)
    return traders


def on_tick(message: Message) -> Message:
    """Return ``message`` with its price on the demo's coarse tick; the traders know only tick 1."""
    if isinstance(message, OrderPlace | OrderReplace) and message.price_ucr is not None:
        price_ucr = max(TICK_UCR, round(message.price_ucr / TICK_UCR) * TICK_UCR)
        return replace(message, price_ucr=price_ucr)
    return message


def next_hour_ms(now_ms: int) -> int:
    """Return when the next hour begins."""
    return now_ms - now_ms % MS_PER_HOUR + MS_PER_HOUR


def _traders(
    symbol: str, price_ucr: int, rate: float, makers: int, noise: int
) -> list[BackgroundTrader]:
    return [
        _trader("market_maker" if number < makers else "noise", symbol, price_ucr, rate, number)
        for number in range(makers + noise)
    ]


def _trader(kind: str, symbol: str, price_ucr: int, rate: float, number: int) -> BackgroundTrader:
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
    return BackgroundTrader(kind, trader)
