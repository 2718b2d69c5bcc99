"""The rule language as written in a file: `RuleText`, made by `msgtext.convert`, and durations.

    when = "util > 70 for 2m"     metric op value [for duration]; a list of them is AND
    at = "Fri 18:00-23:00"        hours; also "daily 20:00-07:00", several
    track = {target = 70}         as many units as keep the metric at its target
    predict = {target = 70}       the same for the load to come
    do = "buy 4"                  buy N | buy to N | release N | release all

The form is the same in scenario policies and manager.toml. Pure. Source: manager.md, ``[[rule]]``.
"""

import re
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

from exchange.units import (
    MAX_PRICE_UCR,
    MAX_QTY,
    MS_PER_DAY,
    MS_PER_HOUR,
    MS_PER_MINUTE,
    MS_PER_SECOND,
    UCR_PER_CREDIT,
)

DEFAULT_COOLDOWN: Final = "1m"
MAX_RULE_NAME: Final = 32
"""``rule/NAME/MILLISECONDS-N`` must fit the 64 characters of a client order id."""
MAX_DURATION_MS: Final = 7 * MS_PER_DAY

_UNIT_MS: Final = {
    "ms": 1,
    "s": MS_PER_SECOND,
    "m": MS_PER_MINUTE,
    "h": MS_PER_HOUR,
    "d": MS_PER_DAY,
}
_DURATION: Final = re.compile(r"(?:\d+(?:ms|s|m|h|d))+", re.ASCII)
_DURATION_PART: Final = re.compile(r"(\d+)(ms|s|m|h|d)", re.ASCII)

RuleName: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=MAX_RULE_NAME, pattern=r"^[A-Za-z0-9_.-]+\Z")
]
MaxUnits: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_QTY)]
PriceCredits: TypeAlias = Annotated[float, Meta(gt=0, le=MAX_PRICE_UCR // UCR_PER_CREDIT)]
BudgetCredits: TypeAlias = Annotated[float, Meta(ge=0, le=10**9)]
Target: TypeAlias = Annotated[float, Meta(gt=0, le=10**12)]


class RuleError(ValueError):
    """A rule cannot be used; ``str(error)`` is one line, ``field: why``."""


class TrackText(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``track``. ``target``: percent for ``util``, requests/s of one unit for ``load``.

    ``price_max``, ``max_units`` and ``cooldown`` may stand here or beside it, not at both places.
    """

    target: Target
    metric: Literal["util", "load"] = "util"
    stabilise_down: str = "5m"
    price_max: PriceCredits | None = None
    max_units: MaxUnits | None = None
    cooldown: str | None = None


class PredictText(TrackText, frozen=True, kw_only=True):
    """``predict``: what the last ``window`` lets expect after ``lead``."""

    window: str = "10m"
    lead: str = "boot_p95 + 60s"
    floor: Literal["reactive"] = "reactive"


class RuleText(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One ``[[rule]]`` as written: durations as text, money in credits."""

    name: RuleName
    do: str | None = None
    when: str | list[str] | None = None
    at: str | list[str] | None = None
    timezone: str | None = None
    track: TrackText | None = None
    predict: PredictText | None = None
    vm: str | None = None
    price_max: PriceCredits | None = None
    cooldown: str | None = None
    max_units: MaxUnits | None = None
    budget_day: BudgetCredits | None = None
    budget_month: BudgetCredits | None = None
    zones: list[str] = []
    fallback_class: str | list[str] | None = None
    forward: bool = False
    paused: bool = False


def parse_duration_ms(text: str) -> int:
    """Return the milliseconds of ``2m``, ``90s``, ``1h30m``, ``500ms``. Raises `ValueError`."""
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration like 90s, 2m or 1h30m")
    parts = _DURATION_PART.findall(text)
    total_ms = sum(int(n) * _UNIT_MS[unit] for n, unit in parts)
    if total_ms > MAX_DURATION_MS:
        raise ValueError(f"{text!r} is longer than 7 days")
    return total_ms
