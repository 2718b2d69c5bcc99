"""Where engine and oracle duel: few accounts, some of them poor, on hosts of a few units."""

from typing import Final

from exchange.genesis import ExchangeConfig, InstrumentConfig, ZoneConfig, default_config
from tests.exchange.duel import Duel
from tests.exchange.market import SMALL_UNIT, Market
from tests.exchange.oracle import Oracle
from tests.exchange.oracle_hosts import Host, Need

SYMBOLS: Final = ("small.eu-de.flat.spot", "nano.eu-de.flat.spot")
BANDED: Final = SYMBOLS[1]
BAND: Final = (600, 20)
SHAPES: Final[dict[str, Need]] = {"small": SMALL_UNIT, "nano": (250, 256 + 100, 1024)}
CLASSES: Final = ["small", "nano"]
MONEY: Final = {"ann": 10**7, "bob": 10**7, "cat": 30_000, "dan": 4_000}
"""ucr; cat and dan often lack what they need."""
HOSTS: Final = (("ann", 12), ("ann", 8), ("bob", 16), ("cat", 9), ("dan", 5), ("dan", 7))


def small_config() -> ExchangeConfig:
    """Two classes in one zone, spot only, one of them with a price band."""
    zone = ZoneConfig(zone="eu-de", country="DE", accel=["simulated"])
    instruments = [InstrumentConfig(class_=name, zone="eu-de", pricing="flat") for name in CLASSES]
    instruments[1] = InstrumentConfig(
        class_="nano", zone="eu-de", pricing="flat", ref_ucr=BAND[0], band_pct=BAND[1]
    )
    classes = {name: default_config().classes[name] for name in CLASSES}
    return ExchangeConfig(classes=classes, zones=[zone], instruments=instruments)


def new_duel() -> Duel:
    """Return a market and its oracle with accounts, money and live hosts."""
    market = Market(small_config())
    market.thorough = False
    oracle = Oracle(SHAPES)
    oracle.bands[BANDED] = BAND
    for account, money_ucr in MONEY.items():
        market.open_account(account, money_ucr)
        oracle.cash[account] = money_ucr
        oracle.cash["outside"] -= money_ucr
    for number, (owner, units) in enumerate(HOSTS, 1):
        name = market.add_host(owner, units, CLASSES)
        oracle.hosts[name] = Host(name, number, owner, room_for(units), CLASSES)
    oracle.settle(market.now_ms)
    duel = Duel(market, oracle)
    duel.compare()
    return duel


def room_for(units: int) -> Need:
    return (units * SMALL_UNIT[0], units * SMALL_UNIT[1], units * SMALL_UNIT[2])
