"""Which of the account's own hosts can back an ask, and how they are told. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from exchange.units import count_text
from exchange.wire.frames import HostUpdate, InstrumentUpdate
from exchange.wire.terms import DEFAULT_CLASSES, need_of
from exchange.wire.types import SPOT
from tui.view.model import Model

PICKED_MAX: Final = 100
"""As many hosts may an order name."""


class Backer(NamedTuple):
    """``free``: units that it can still take, None where the terminal cannot tell."""

    host: str
    name: str
    free: int | None

    @property
    def text(self) -> str:
        free = "" if self.free is None else f"{count_text(self.free, 'unit')} free"
        return f"{self.name:<20} {self.host:<8} {free}".rstrip()


def backers(model: Model, symbol: str) -> list[Backer]:
    """Return the hosts that can back an ask for ``symbol``: live, of its zone, with room."""
    instrument = model.instruments.get(symbol)
    if instrument is None:
        return []
    found = [
        Backer(host.host, host.name, _free(host, instrument))
        for host in model.fleet.values()
        if host.zone == instrument.zone and host.status == "live" and host.paused is None
    ]
    return sorted((each for each in found if each.free != 0), key=lambda each: each.name)


def market_of(model: Model, hosts: Sequence[HostUpdate], shown: str) -> str:
    """Return the instrument to sell ``hosts`` in: the one shown where it fits, else the first."""
    zones = {host.zone for host in hosts}
    fitting = [item.symbol for item in model.listed() if item.zone in zones]
    return shown if shown in fitting else next(iter(fitting), "")


def none_text(symbol: str) -> str:
    return f"No live server of yours has room for {symbol}." if symbol else "Nothing trades there."


def _free(host: HostUpdate, instrument: InstrumentUpdate) -> int | None:
    """Return the units that fit now; of an hour to come nobody is told what is taken then."""
    shape = DEFAULT_CLASSES.get(instrument.symbol.partition(".")[0])
    if shape is None or instrument.delivery != SPOT:
        return None
    offered, used = host.offered, host.used
    left = (
        offered.mvcpu - used.mvcpu,
        offered.mem_mib - used.mem_mib,
        offered.disk_mib - used.disk_mib,
    )
    return max(0, min(room // need for room, need in zip(left, need_of(shape), strict=True)))
