"""Where they play: two zones, an instrument of each kind in both, sellers and buyers in both.

`new_duel` makes an exchange of some of the zones, engine and oracle side by side. The whole has
both; a shard has one.
"""

from collections.abc import Sequence
from typing import Final

from exchange.model.config import ExchangeConfig, InstrumentConfig, WindowConfig, ZoneConfig
from exchange.model.config import default_config as defaults
from exchange.wire.admin_requests import AdminAccount
from tests.exchange.duel.referee import Duel
from tests.exchange.support.market import Market

ZONES: Final = ("eu-de", "us-va")
CLASSES: Final = ("small", "nano")
MONEY: Final = {"ann": 10**7, "bob": 10**7, "cat": 9_000, "dan": 3_500}
"""ucr; cat and dan often lack what they need."""
HOSTS: Final = (("ann", 9), ("bob", 14), ("dan", 5))
"""In each zone."""


def config(zones: Sequence[str]) -> ExchangeConfig:
    """Spot, flat and metered, and windows of one class, in each zone."""
    return ExchangeConfig(
        classes={name: defaults().classes[name] for name in CLASSES},
        zones=[ZoneConfig(zone=zone, country="DE", accel=["simulated"]) for zone in zones],
        instruments=[
            instrument
            for zone in zones
            for instrument in (
                InstrumentConfig(class_="small", zone=zone, pricing="flat"),
                InstrumentConfig(
                    class_="nano", zone=zone, pricing="metered", ref_ucr=600, band_pct=20
                ),
            )
        ],
        windows=[
            WindowConfig(class_="small", zone=zone, pricing="flat", hours_ahead=2) for zone in zones
        ],
    )


def new_duel(zones: Sequence[str]) -> Duel:
    """Return an exchange of ``zones`` with accounts and live hosts, and no money yet."""
    market = Market(config(zones))
    market.thorough = False
    for account in MONEY:
        market.must(AdminAccount(req_id=1, account=account, name=account))
    for zone in zones:
        for owner, units in HOSTS:
            market.add_host(owner, units, CLASSES, zone)
    return Duel(market)


def zone_of(symbol: str) -> str:
    return symbol.split(".")[1]
