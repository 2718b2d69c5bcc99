"""What an exchange starts with: classes, zones, instruments and the fee. Journalled as row 1.

The defaults are those of protocol.md ("Starting it") and domain.md (glossary, class).
"""

from typing import Annotated

from msgspec import Meta, Struct, field

from exchange.instrument import SPOT, Pricing
from exchange.wire import Accel, Capacity, Name, Percent, PriceUcr


class ZoneConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A zone; ``lost_after_ms``: how long a host may be silent before it is lost."""

    zone: Name
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)")]
    accel: list[Accel]
    lost_after_ms: Annotated[int, Meta(ge=15_000)] = 300_000


class InstrumentConfig(Struct, frozen=True, forbid_unknown_fields=True, rename={"class_": "class"}):
    """An instrument that exists from the start."""

    class_: Name
    zone: Name
    pricing: Pricing
    delivery: str = SPOT
    tick_ucr: PriceUcr = 1
    ref_ucr: PriceUcr | None = None
    band_pct: Percent = 0


class WindowConfig(Struct, frozen=True, forbid_unknown_fields=True, rename={"class_": "class"}):
    """A series of one-hour delivery windows, opened ``hours_ahead`` of their start."""

    class_: Name
    zone: Name
    pricing: Pricing
    hours_ahead: Annotated[int, Meta(ge=1, le=168)] = 24
    tick_ucr: PriceUcr = 1
    ref_ucr: PriceUcr | None = None
    band_pct: Percent = 0


class ExchangeConfig(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The operator's configuration at ``init``. ``fee_pct`` of each charge is kept."""

    classes: dict[Name, Capacity]
    zones: list[ZoneConfig]
    instruments: list[InstrumentConfig] = field(default_factory=list)
    windows: list[WindowConfig] = field(default_factory=list)
    fee_pct: Percent = 1


def default_config() -> ExchangeConfig:
    """Return the configuration of an exchange started without a file."""
    classes = {
        "nano": Capacity(250, 256, 1024),
        "small": Capacity(1000, 2048, 10 * 1024),
        "medium": Capacity(2000, 4096, 20 * 1024),
        "large": Capacity(4000, 8192, 40 * 1024),
    }
    zone = ZoneConfig(zone="eu-de", country="DE", accel=["kvm", "tcg", "simulated"])
    pricings: tuple[Pricing, ...] = ("flat", "metered")
    instruments = [
        InstrumentConfig(class_=name, zone="eu-de", pricing=pricing)
        for name in classes
        for pricing in pricings
    ]
    windows = [WindowConfig(class_="small", zone="eu-de", pricing="flat")]
    return ExchangeConfig(classes=classes, zones=[zone], instruments=instruments, windows=windows)
