"""The rule language: a rule as written in a file, and the same rule ready to be evaluated.

    when = "util > 70 for 2m"     metric op value [for duration]; a list of them is AND
    do = "buy 4"                  buy N | buy to N | release N | release all

`RuleText` is the form in files (scenario policies and manager.toml alike), made by
`msgtext.convert`. `parse` turns it into the frozen `Rule` that `rule_state.py` evaluates, or says
in one line which field is wrong. Pure. Source: manager.md, ``[[rule]]``.
"""

import re
from collections.abc import Callable
from typing import Annotated, Final, Literal, NoReturn, TypeAlias, TypeVar

from msgspec import Meta, Struct

from exchange.units import (
    MAX_PRICE_UCR,
    MAX_QTY,
    MS_PER_DAY,
    MS_PER_HOUR,
    MS_PER_MINUTE,
    MS_PER_SECOND,
    UCR_PER_CREDIT,
    ucr_from_credits,
)

Metric: TypeAlias = Literal["util", "load", "units"]
"""``util``: load in percent of ready capacity; ``load``: requests/s; ``units``: bought units."""
Operator: TypeAlias = Literal[">", ">=", "<", "<="]

METRICS: Final[tuple[Metric, ...]] = ("util", "load", "units")
OPERATORS: Final[tuple[Operator, ...]] = (">", ">=", "<", "<=")
DEFAULT_COOLDOWN: Final = "1m"
MAX_RULE_NAME: Final = 32
"""``rule/NAME/MILLISECONDS-N`` must fit the 64 characters of a client order id."""
MIN_COOLDOWN_MS: Final = MS_PER_SECOND
"""However short it is written: where nobody sells, each refusal would ask again at once."""
MAX_DURATION_MS: Final = 7 * MS_PER_DAY

_UNIT_MS: Final = {
    "ms": 1,
    "s": MS_PER_SECOND,
    "m": MS_PER_MINUTE,
    "h": MS_PER_HOUR,
    "d": MS_PER_DAY,
}
_DURATION: Final = re.compile(r"(?:\d+(?:ms|s|m|h|d))+")
_DURATION_PART: Final = re.compile(r"(\d+)(ms|s|m|h|d)")
_TOKEN: Final = re.compile(r"[<>=!]+|[^\s<>=!]+")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")

Parsed = TypeVar("Parsed")

RuleName: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=MAX_RULE_NAME, pattern=r"^[A-Za-z0-9_.-]+\Z")
]
MaxUnits: TypeAlias = Annotated[int, Meta(ge=1, le=MAX_QTY)]
PriceCredits: TypeAlias = Annotated[float, Meta(gt=0, le=MAX_PRICE_UCR // UCR_PER_CREDIT)]
BudgetCredits: TypeAlias = Annotated[float, Meta(ge=0, le=10**9)]


class RuleError(ValueError):
    """A rule cannot be used; ``str(error)`` is one line, ``field: why``."""


class RuleText(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One ``[[rule]]`` as written: durations as text, money in credits."""

    name: RuleName
    do: str
    when: str | list[str] | None = None
    at: str | None = None
    vm: str | None = None
    price_max: PriceCredits | None = None
    cooldown: str = DEFAULT_COOLDOWN
    max_units: MaxUnits | None = None
    budget_day: BudgetCredits | None = None
    zones: list[str] = []
    forward: bool = False
    paused: bool = False


class Condition(Struct, frozen=True):
    """``metric op value`` must hold without a break for ``for_ms``."""

    metric: Metric
    op: Operator
    value: float
    for_ms: int
    text: str


class Buy(Struct, frozen=True, tag="buy"):
    units: int


class BuyTo(Struct, frozen=True, tag="buy_to"):
    """Buy what is missing to this many bought units."""

    units: int


class Release(Struct, frozen=True, tag="release"):
    """Give back this many units, the most expensive first; ``None`` means all."""

    units: int | None


Action: TypeAlias = Buy | BuyTo | Release


class Rule(Struct, frozen=True):
    """A compiled rule. ``price_max_ucr`` is 0 for a rule that releases."""

    name: str
    conditions: tuple[Condition, ...]
    action: Action
    cooldown_ms: int
    price_max_ucr: int
    max_units: int | None
    budget_day_ucr: int | None
    zones: tuple[str, ...]
    vm: str | None
    paused: bool = False
    """It watches and does nothing."""

    @property
    def buys(self) -> bool:
        return not isinstance(self.action, Release)


def parse(text: RuleText) -> Rule:
    """Return ``text`` ready to be evaluated. Raises `RuleError` naming the field."""
    if text.at is not None or text.forward:
        _wrong("forward" if text.at is None else "at", "not supported yet in this version")
    if text.when is None:
        _wrong("when", "missing; for example 'util > 70 for 2m'")
    texts = [text.when] if isinstance(text.when, str) else text.when
    if not texts:
        _wrong("when", "an empty list would always fire")
    action = _parsed("do", parse_action, text.do)
    if not isinstance(action, Release) and text.price_max is None:
        _wrong("price_max", "missing; a rule that buys needs a highest price")
    return Rule(
        name=text.name,
        conditions=tuple(_parsed("when", parse_condition, one) for one in texts),
        action=action,
        cooldown_ms=max(MIN_COOLDOWN_MS, _parsed("cooldown", parse_duration_ms, text.cooldown)),
        price_max_ucr=0 if text.price_max is None else max(1, ucr_from_credits(text.price_max)),
        max_units=text.max_units,
        budget_day_ucr=None if text.budget_day is None else ucr_from_credits(text.budget_day),
        zones=tuple(text.zones),
        vm=text.vm,
        paused=text.paused,
    )


def parse_condition(text: str) -> Condition:
    """Parse ``metric op value [for duration]``. Raises `ValueError` saying what was expected."""
    tokens = _TOKEN.findall(text)
    if len(tokens) not in (3, 5):
        raise ValueError(f"{text!r} is not 'metric op value' or 'metric op value for duration'")
    metric, op, number, *duration = tokens
    if metric not in METRICS:
        raise ValueError(f"{text!r}: unknown metric {metric!r}; one of {' '.join(METRICS)}")
    if op not in OPERATORS:
        raise ValueError(f"{text!r}: unknown operator {op!r}; one of {' '.join(OPERATORS)}")
    if not _NUMBER.fullmatch(number):
        raise ValueError(f"{text!r}: {number!r} is not a decimal number")
    if duration and duration[0] != "for":
        raise ValueError(f"{text!r}: expected 'for', found {duration[0]!r}")
    for_ms = parse_duration_ms(duration[1]) if duration else 0
    return Condition(metric, op, float(number), for_ms, text)


def parse_duration_ms(text: str) -> int:
    """Return the milliseconds of ``2m``, ``90s``, ``1h30m``, ``500ms``. Raises `ValueError`."""
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration like 90s, 2m or 1h30m")
    total_ms = sum(int(n) * _UNIT_MS[unit] for n, unit in _DURATION_PART.findall(text))
    if total_ms > MAX_DURATION_MS:
        raise ValueError(f"{text!r} is longer than 7 days")
    return total_ms


def parse_action(text: str) -> Action:
    """Parse ``buy N``, ``buy to N``, ``release N`` or ``release all``. Raises `ValueError`."""
    match text.split():
        case ["buy", units]:
            return Buy(_units(text, units))
        case ["buy", "to", units]:
            return BuyTo(_units(text, units))
        case ["release", "all"]:
            return Release(None)
        case ["release", units]:
            return Release(_units(text, units))
        case _:
            raise ValueError(f"{text!r} is none of: buy N, buy to N, release N, release all")


def _units(text: str, units: str) -> int:
    if not (units.isascii() and units.isdigit() and len(units) <= 7 and 1 <= int(units) <= MAX_QTY):
        raise ValueError(f"{text!r}: {units!r} is not a number of units from 1 to {MAX_QTY}")
    return int(units)


def _parsed(field: str, parser: Callable[[str], Parsed], text: str) -> Parsed:
    try:
        return parser(text)
    except ValueError as error:
        _wrong(field, str(error))


def _wrong(field: str, why: str) -> NoReturn:
    raise RuleError(f"{field}: {why}")
