"""A rule ready to be evaluated, compiled from its text. Pure.

`parse` turns a `RuleText` into the frozen `Rule` that the watches of `watches.py` evaluate, or says
in one line which field is wrong. A rule is of one kind: ``when``, ``at``, ``track`` or ``predict``.
Source: manager.md, ``[[rule]]``.
"""

import re
from collections.abc import Callable
from typing import Final, Literal, NoReturn, TypeAlias, TypeVar

from msgspec import Struct

from exchange.units import MAX_QTY, MS_PER_SECOND, ucr_from_credits
from manager.core.classes import FALLBACKS_MAX
from manager.core.forecast import Ahead, parse_lead
from manager.core.rule_text import (
    DEFAULT_COOLDOWN,
    PredictText,
    RuleError,
    RuleText,
    TrackText,
    parse_duration_ms,
)
from manager.core.schedule import Schedule, parse_hours, parse_zone

Metric: TypeAlias = Literal["util", "load", "units"]
"""``util``: load in percent of ready capacity; ``load``: requests/s; ``units``: bought units."""
Operator: TypeAlias = Literal[">", ">=", "<", "<="]

METRICS: Final[tuple[Metric, ...]] = ("util", "load", "units")
OPERATORS: Final[tuple[Operator, ...]] = (">", ">=", "<", "<=")
KINDS: Final = ("when", "at", "track", "predict")
MIN_COOLDOWN_MS: Final = MS_PER_SECOND
"""However short it is written: where nobody sells, each refusal would ask again at once."""

_TOKEN: Final = re.compile(r"[<>=!]+|[^\s<>=!]+")
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")

Parsed = TypeVar("Parsed")
Value = TypeVar("Value")


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


class Track(Struct, frozen=True):
    """As many units as keep ``metric`` at ``target``; ``ahead``: also for the load to come."""

    metric: Literal["util", "load"]
    target: float
    stabilise_ms: int
    ahead: Ahead | None = None


class Rule(Struct, frozen=True):
    """A compiled rule: of the first of ``track``, ``at``, ``conditions`` that it has.

    ``price_max_ucr`` is 0 for a rule that releases; ``action`` is ``None`` for ``track``.
    """

    name: str
    conditions: tuple[Condition, ...]
    action: Action | None
    cooldown_ms: int
    price_max_ucr: int
    max_units: int | None
    budget_day_ucr: int | None
    zones: tuple[str, ...]
    vm: str | None
    budget_month_ucr: int | None = None
    at: Schedule | None = None
    track: Track | None = None
    forward: bool = False
    fallback: tuple[str, ...] = ()
    """Classes to buy when its own is not to be had, in order of preference."""
    paused: bool = False
    """It watches and does nothing."""

    @property
    def buys(self) -> bool:
        return not isinstance(self.action, Release)


def parse(text: RuleText) -> Rule:
    """Return ``text`` ready to be evaluated. Raises `RuleError` naming the field."""
    _one_kind(text)
    action = None if text.do is None else _parsed("do", parse_action, text.do)
    follow = text.predict or text.track
    price_max = _once("price_max", text.price_max, follow)
    if not isinstance(action, Release) and price_max is None:
        _wrong("price_max", "missing; a rule that buys needs a highest price")
    if text.forward and isinstance(action, Release):
        _wrong("forward", "belongs to a rule that buys")
    cooldown = _once("cooldown", text.cooldown, follow) or DEFAULT_COOLDOWN
    return Rule(
        name=text.name,
        conditions=_conditions(text),
        action=action,
        cooldown_ms=max(MIN_COOLDOWN_MS, _parsed("cooldown", parse_duration_ms, cooldown)),
        price_max_ucr=0 if price_max is None else max(1, ucr_from_credits(price_max)),
        max_units=_once("max_units", text.max_units, follow),
        budget_day_ucr=None if text.budget_day is None else ucr_from_credits(text.budget_day),
        budget_month_ucr=None if text.budget_month is None else ucr_from_credits(text.budget_month),
        zones=tuple(text.zones),
        vm=text.vm,
        at=_schedule(text),
        track=None if follow is None else _track(follow),
        forward=text.forward,
        fallback=_fallback(text, action),
        paused=text.paused,
    )


def _one_kind(text: RuleText) -> None:
    """A rule is of one kind, and has no key that is of another."""
    kinds = [kind for kind in KINDS if getattr(text, kind) is not None]
    if not kinds:
        _wrong("when", "missing; for example 'util > 70 for 2m'")
    if len(kinds) > 1:
        _wrong(kinds[1], f"does not go with {kinds[0]}; a rule has one of {', '.join(KINDS)}")
    follows = kinds[0] in ("track", "predict")
    if follows and text.do is not None:
        _wrong("do", f"does not go with {kinds[0]}, which says how many units there are to be")
    if not follows and text.do is None:
        _wrong("do", "missing; for example 'buy 4'")
    if text.at is None and text.timezone is not None:
        _wrong("timezone", "belongs to at")
    if text.forward and text.at is None:
        _wrong("forward", "belongs to at")


def _conditions(text: RuleText) -> tuple[Condition, ...]:
    texts = [text.when] if isinstance(text.when, str) else text.when
    if texts == []:
        _wrong("when", "an empty list would always fire")
    return tuple(_parsed("when", parse_condition, one) for one in texts or [])


def _schedule(text: RuleText) -> Schedule | None:
    if text.at is None:
        return None
    zone = _parsed("timezone", parse_zone, text.timezone or "UTC")
    texts = [text.at] if isinstance(text.at, str) else text.at
    return Schedule(zone, _parsed("at", parse_hours, ", ".join(texts)), ", ".join(texts))


def _fallback(text: RuleText, action: Action | None) -> tuple[str, ...]:
    if text.fallback_class is None:
        return ()
    if isinstance(action, Release):
        _wrong("fallback_class", "belongs to a rule that buys")
    whole = text.fallback_class
    names = (whole,) if isinstance(whole, str) else tuple(whole)
    if not 1 <= len(names) <= FALLBACKS_MAX:
        _wrong("fallback_class", f"a class, or a list of 1 to {FALLBACKS_MAX}")
    return names


def _track(text: TrackText) -> Track:
    kind = "predict" if isinstance(text, PredictText) else "track"
    stabilise_ms = _parsed(f"{kind}.stabilise_down", parse_duration_ms, text.stabilise_down)
    ahead = None
    if isinstance(text, PredictText):
        window_ms = _parsed("predict.window", parse_duration_ms, text.window)
        if window_ms == 0:
            _wrong("predict.window", "must be longer than nothing")
        ahead = Ahead(window_ms, _parsed("predict.lead", parse_lead, text.lead), text.lead)
    return Track(text.metric, text.target, stabilise_ms, ahead)


def _once(key: str, beside: Value | None, follow: TrackText | None) -> Value | None:
    """Return a value that stands in the ``track`` table or beside it."""
    inside: Value | None = None if follow is None else getattr(follow, key)
    if inside is not None and beside is not None:
        _wrong(key, "is given twice: in the table and beside it")
    return beside if inside is None else inside


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
