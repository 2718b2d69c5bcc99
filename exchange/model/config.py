"""An exchange's initial configuration: classes, zones, instruments and the fee. Journalled as row
1.

The default classes are those of rules.md 2.3.
"""

from typing import Annotated

from msgspec import Meta, Struct, field

from exchange.units import MAX_INT
from exchange.wire.terms import DEFAULT_CLASSES, LOST_AFTER_MS, SILENT_MS
from exchange.wire.types import SPOT, Accel, Capacity, Name, Percent, PriceUcr, Pricing

CLASS_MVCPU_MAX = 1_000_000
"""Thousand vCPU: what the VMs of a million units use in an hour still fits the wire."""


class ZoneConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """A zone; ``lost_after_ms``: how long a host may be silent before it is lost."""

    zone: Name
    country: Annotated[str, Meta(pattern=r"^[A-Z]{2}$(?!\n)")]
    accel: list[Accel]
    lost_after_ms: Annotated[int, Meta(ge=SILENT_MS, le=MAX_INT)] = LOST_AFTER_MS


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
    classes = dict(DEFAULT_CLASSES)
    zones = [ZoneConfig(zone="eu-de", country="DE", accel=["kvm", "tcg", "simulated"])]
    return ExchangeConfig(
        classes=classes,
        zones=zones,
        instruments=spot_instruments(classes, zones),
        windows=window_series(classes, zones),
    )


def spot_instruments(
    classes: dict[str, Capacity], zones: list[ZoneConfig]
) -> list[InstrumentConfig]:
    """Return flat and metered spot of every class in every zone."""
    pricings: tuple[Pricing, ...] = ("flat", "metered")
    return [
        InstrumentConfig(class_=name, zone=zone.zone, pricing=pricing)
        for zone in zones
        for name in classes
        for pricing in pricings
    ]


def window_series(classes: dict[str, Capacity], zones: list[ZoneConfig]) -> list[WindowConfig]:
    """Return the default series, flat windows of ``small``, where there is such a class."""
    if "small" not in classes:
        return []
    return [WindowConfig(class_="small", zone=zone.zone, pricing="flat") for zone in zones]


def mistake(config: ExchangeConfig) -> str | None:
    """Return the first reference to an unknown name as a text for people; None when all are
    known."""
    zones = [zone.zone for zone in config.zones]
    for name in [*config.classes, *zones]:
        if "." in name:
            return f"{name!r}: no dot, it is part of symbols"
    for name, shape in config.classes.items():
        if not (1 <= shape.mvcpu <= CLASS_MVCPU_MAX and shape.mem_mib and shape.disk_mib):
            return f"classes.{name}: mvcpu 1 to {CLASS_MVCPU_MAX}, mem_mib and disk_mib at least 1"
    places = [(f"instruments[{n}]", i.class_, i.zone) for n, i in enumerate(config.instruments)]
    places += [(f"windows[{n}]", w.class_, w.zone) for n, w in enumerate(config.windows)]
    for place, class_name, zone_name in places:
        if class_name not in config.classes:
            return f"{place}.class: no class {class_name!r}"
        if zone_name not in zones:
            return f"{place}.zone: no zone {zone_name!r}"
    for at, spot in enumerate(config.instruments):
        if spot.delivery != SPOT:
            return f"instruments[{at}].delivery: spot only, windows have a table of their own"
    return None
