"""Where engine and oracle duel: few accounts, some of them poor, on hosts of a few units.

Flat and metered, spot and windows of two classes; a price band on one of them.
"""

from typing import Final

from exchange.engine.engine import Engine
from exchange.model.commands import ImageStored
from exchange.model.config import ExchangeConfig, InstrumentConfig, WindowConfig, ZoneConfig
from exchange.model.config import default_config as defaults
from exchange.wire.types import Pricing
from sim.oracle.hosts import Need
from tests.exchange.duel.referee import Duel
from tests.exchange.support.market import SMALL_UNIT, Market

FLAT: Final = "small.eu-de.flat.spot"
METERED: Final = "nano.eu-de.metered.spot"
SPOTS: Final = (FLAT, METERED)
BAND: Final = (600, 20)
"""Of the metered one: the reference price and percent."""
HOURS_AHEAD: Final = 2
CLASSES: Final = ["small", "nano"]
MONEY: Final = {"ann": 10**7, "bob": 10**7, "cat": 30_000, "dan": 4_000}
"""ucr; cat and dan often lack what they need."""
HOSTS: Final = (("ann", 9), ("ann", 6), ("bob", 14), ("dan", 7))
IMAGE: Final = "ab" * 32
IMAGE_BYTES: Final = 50 * 1024 * 1024


def duel_config() -> ExchangeConfig:
    """Two classes in one zone, a spot instrument of each, windows of one: flat and metered, so that
    VMs carry over from one into the other."""
    zone = ZoneConfig(zone="eu-de", country="DE", accel=["simulated"])
    pricings: tuple[Pricing, ...] = ("flat", "metered")
    return ExchangeConfig(
        classes={name: defaults().classes[name] for name in CLASSES},
        zones=[zone],
        instruments=[
            InstrumentConfig(class_="small", zone="eu-de", pricing="flat"),
            InstrumentConfig(
                class_="nano", zone="eu-de", pricing="metered", ref_ucr=BAND[0], band_pct=BAND[1]
            ),
        ],
        windows=[
            WindowConfig(class_="small", zone="eu-de", pricing=pricing, hours_ahead=HOURS_AHEAD)
            for pricing in pricings
        ],
    )


def new_duel(make_engine: type[Engine] = Engine) -> Duel:
    """Return a market and its oracle with accounts, money, an image and live hosts."""
    market = Market(duel_config(), make_engine=make_engine)
    market.thorough = False
    for account, money_ucr in MONEY.items():
        market.open_account(account, money_ucr)
        market.must(ImageStored(account, IMAGE, IMAGE_BYTES, "bundle"))
    for owner, units in HOSTS:
        market.add_host(owner, units, CLASSES)
    duel = Duel(market)
    duel.compare()
    return duel


def room_for(units: int) -> Need:
    return (units * SMALL_UNIT[0], units * SMALL_UNIT[1], units * SMALL_UNIT[2])
