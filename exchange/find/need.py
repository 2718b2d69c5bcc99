"""What somebody needs, as numbers and names. Pure.

``4 small in Germany below 0.03, kvm, losses < 1 %`` is such a need; `reader` reads the line, and
`say` writes it in one form that is read as the same need again.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from msgspec import Struct, structs

from exchange.units import UCR_PER_CREDIT, credits_text

Fact: TypeAlias = Literal["losses", "recalls", "failures", "uptime", "boot", "leases"]
"""Of a host's record: the share of its leases that were lost, recalled, failed to launch; the part
of the sold time that it delivered; the 95th percentile of its boots; how many leases ended."""
Sign: TypeAlias = Literal["<", "<=", ">", ">="]

PPM: Final = 1_000_000
ROUND_UCR: Final = 100
"""A price that is a multiple of it is written as a person writes it."""
SHARES: Final[tuple[Fact, ...]] = ("losses", "recalls", "failures", "uptime")
"""Facts in millionths; ``boot`` is in ms, ``leases`` is a count."""


class Bound(Struct, frozen=True):
    """A limit on a fact of a host's record."""

    fact: Fact
    sign: Sign
    value: int


class Known(Struct, frozen=True):
    """What there is on an exchange: classes, and zones with the two letters of their country."""

    classes: tuple[str, ...]
    zones: Mapping[str, str]


class Need(Struct, frozen=True, omit_defaults=True, rename={"class_": "class"}):
    """What was asked for; what is not set may be anything. ``zones`` and ``countries``: in any of
    them; ``accel``: any of these. ``price_max_ucr``: the highest price of a unit-hour, itself
    included."""

    units: int | None = None
    class_: str | None = None
    zones: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    price_max_ucr: int | None = None
    accel: tuple[str, ...] = ()
    pricing: str | None = None
    bounds: tuple[Bound, ...] = ()


def merged(one: Need, other: Need) -> Need | str:
    """Return both needs in one, or the name of a field that both set."""
    set_in_other = {name: value for name, value in structs.asdict(other).items() if value}
    for name in set_in_other:
        if getattr(one, name):
            return name
    return structs.replace(one, **set_in_other)


def say(need: Need) -> str:
    """Return the need as a line that reads as the same need."""
    return ", ".join(_parts(need))


def _parts(need: Need) -> Iterator[str]:
    what = [str(need.units)] if need.units else []
    what += [need.class_] if need.class_ else ["units"] if need.units else []
    if what:
        yield " ".join(what)
    if places := [*need.zones, *need.countries]:
        yield f"in {' or '.join(places)}"
    if need.price_max_ucr is not None:
        yield _price(need.price_max_ucr)
    if need.accel:
        yield " or ".join(need.accel)
    if need.pricing:
        yield need.pricing
    for bound in need.bounds:
        yield f"{bound.fact} {bound.sign} {_value(bound)}"


def _price(most_ucr: int) -> str:
    """Return ``below 0.03`` rather than ``at most 0.029999``."""
    below_ucr = most_ucr + 1
    if below_ucr % ROUND_UCR == 0:
        return f"below {(Decimal(below_ucr) / UCR_PER_CREDIT).normalize():f}"
    return f"at most {credits_text(most_ucr)}"


def _value(bound: Bound) -> str:
    if bound.fact in SHARES:
        return f"{Decimal(bound.value) * 100 / PPM:f} %"
    return f"{bound.value} ms" if bound.fact == "boot" else str(bound.value)
