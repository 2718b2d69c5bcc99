"""Reads a line such as ``4 small in Germany below 0.03, kvm, losses < 1 %``. Pure.

    need   = part, in any order, with or without commas
    part   = [N] [units of] CLASS | N units
           | in PLACE [or PLACE]...              a zone, a country's name or its two letters
           | below | at most PRICE [credits] [an hour]
           | kvm | tcg | simulated               several: any of them
           | flat | metered
           | losses | recalls | failures | uptime < N %     also: no losses
           | boot < N s | leases > N

A word that is nothing of this is refused by name. Names of the exchange come before words.
"""

from decimal import Decimal
from typing import Any, Final, get_args

from msgspec.structs import replace

from exchange.find.countries import CODES, NAMES
from exchange.find.need import PPM, SHARES, Bound, Fact, Known, Need, Sign
from exchange.find.words import SEPARATOR, Number, UnclearNeedError, is_number, number, tokens
from exchange.units import MAX_INT, MAX_PRICE_UCR, MAX_QTY, MS_PER_SECOND, UCR_PER_CREDIT
from exchange.wire.types import Accel, Pricing

UNIT_WORDS: Final = frozenset({"unit", "units", "vm", "vms"})
FILLERS: Final = UNIT_WORDS | frozenset(
    {"a", "an", "and", "or", "with", "of", "at", "for", "x", "×", "free", "host", "hosts"}
    | {"price", "cost", "costs", "costing"}
)
AFTER_PRICE: Final = frozenset(
    {"credit", "credits", "cr", "per", "a", "an", "each", "hour", "unit", "unit-hour", "/h"}
)
ACCELS: Final[tuple[str, ...]] = get_args(Accel)
PRICINGS: Final[tuple[str, ...]] = get_args(Pricing)
LIKE_WORDS: Final = frozenset({"AT", "NO"})
"""Letters of countries that are words here too: with a name, or behind "in", they are clear."""
SIGNS: Final[dict[str, Sign]] = {
    "below": "<",
    "under": "<",
    "less than": "<",
    "<": "<",
    "at most": "<=",
    "up to": "<=",
    "max": "<=",
    "<=": "<=",
    "above": ">",
    "over": ">",
    "more than": ">",
    ">": ">",
    "at least": ">=",
    "min": ">=",
    ">=": ">=",
}
FACTS: Final[dict[str, Fact]] = {
    "losses": "losses",
    "loss": "losses",
    "lost": "losses",
    "recalls": "recalls",
    "recalled": "recalls",
    "failures": "failures",
    "launch failures": "failures",
    "failed launches": "failures",
    "uptime": "uptime",
    "delivered": "uptime",
    "boot": "boot",
    "boots": "boot",
    "boot p95": "boot",
    "leases": "leases",
}
PHRASE_WORDS: Final = 8
WHAT: Final = "neither a size, a zone, a country nor another word known here"


def read(line: str, known: Known) -> Need:
    """Return what ``line`` asks for. Raises `UnclearNeedError`, which names the word."""
    reader = _Reader(line, known)
    while reader.word():
        reader.part()
    return reader.need


class _Reader:
    """The words not read yet, and the need so far."""

    def __init__(self, line: str, known: Known) -> None:
        self._tokens = tokens(line)
        self._at = 0
        self._classes = {name.casefold(): name for name in known.classes}
        self._zones = {name.casefold(): name for name in known.zones}
        self.need = Need()

    def word(self, ahead: int = 0) -> str:
        """Return a word that is to come, in small letters; "" behind the last."""
        at = self._at + ahead
        return self._tokens[at].casefold() if at < len(self._tokens) else ""

    def part(self) -> None:
        """Read one part, or a word that adds nothing."""
        typed = self._tokens[self._at]
        if (size := self._named(self._classes)) is not None:
            self._set("class_", size, typed)
        elif self.word() == "in":
            self._at += 1
            self._places()
        elif self._place(strict=True):
            return
        elif is_number(typed):
            self._units()
        elif (sign := self._named(SIGNS)) is not None:
            self._price(sign, typed)
        elif (fact := self._named(FACTS)) is not None:
            self._bound(fact, typed)
        else:
            self._single(typed)

    def _single(self, typed: str) -> None:
        word = self.word()
        self._at += 1
        if word in ACCELS:
            self.need = replace(self.need, accel=_with(self.need.accel, word))
        elif word in PRICINGS:
            self._set("pricing", word, typed)
        elif word == "no" and (fact := self._named(FACTS)) in SHARES and fact != "uptime":
            self._add(Bound(fact, "<=", 0), typed)
        elif word != SEPARATOR and word not in FILLERS:
            raise UnclearNeedError(typed, WHAT)

    def _named(self, names: dict[str, Any]) -> Any:
        """Read the longest phrase that ``names`` has and return its value, or None."""
        for length in range(PHRASE_WORDS, 0, -1):
            phrase = " ".join(self._tokens[self._at : self._at + length]).casefold()
            if phrase in names:
                self._at += min(length, len(self._tokens) - self._at)
                return names[phrase]
        return None

    def _place(self, strict: bool) -> bool:
        """Read a zone or country; ``strict``: its two letters only as capitals, if no word."""
        if (zone := self._named(self._zones)) is not None:
            self.need = replace(self.need, zones=_with(self.need.zones, zone))
            return True
        code = self._named(CODES)
        typed = self._tokens[self._at] if code is None and self.word() else ""
        if typed.upper() in NAMES and not (strict and (typed in LIKE_WORDS or not typed.isupper())):
            code, self._at = typed.upper(), self._at + 1
        if code is None:
            return False
        self.need = replace(self.need, countries=_with(self.need.countries, code))
        return True

    def _places(self) -> None:
        if not self._place(strict=False):
            typed = self._tokens[self._at] if self.word() else "in"
            raise UnclearNeedError(typed, "neither a zone of this exchange nor a country")
        while self.word() == "or":
            self._at += 1
            if not self._place(strict=False):
                return

    def _units(self) -> None:
        typed, count = self._number()
        words = 0
        while self.word() in FILLERS and self.word() not in self._classes:
            words += self.word() in UNIT_WORDS
            self._at += 1
        if "." in typed or count.unit not in ("", "x", "×") or not 1 <= count.value <= MAX_QTY:
            raise UnclearNeedError(typed, f"a number of units is whole, from 1 to {MAX_QTY}")
        size = self._named(self._classes)
        if size is None and not words:
            raise UnclearNeedError(typed, "a number of what? write 4 small, or 4 units")
        self._set("units", int(count.value), typed)
        if size is not None:
            self._set("class_", size, size)

    def _price(self, sign: Sign, typed: str) -> None:
        if sign in (">", ">="):
            raise UnclearNeedError(typed, "a price has an upper limit: below 0.03")
        typed, price = self._number()
        ucr = price.value * UCR_PER_CREDIT
        most = ucr - 1 if sign == "<" else ucr
        if price.unit not in ("", "/h") or not _is_whole(most, 1, MAX_PRICE_UCR):
            raise UnclearNeedError(typed, "a price is in credits, from 0.000001 to 1000")
        self._set("price_max_ucr", int(most), typed)
        while self.word() in AFTER_PRICE and self.word() not in self._classes:
            self._at += 1

    def _bound(self, fact: Fact, typed: str) -> None:
        sign = self._named(SIGNS)
        if sign is None:
            raise UnclearNeedError(typed, f"how much? write {typed} < {_example(fact)}")
        word, value = self._number()
        scale = self._scale(fact, value.unit, word)
        scaled = value.value * scale
        if (fact == "leases" and "." in word) or not _is_whole(
            scaled, 0, PPM if fact in SHARES else MAX_INT
        ):
            raise UnclearNeedError(word, f"not a value such as {_example(fact)}")
        self._add(Bound(fact, sign, int(scaled)), typed)

    def _scale(self, fact: Fact, unit: str, typed: str) -> int:
        """Read the unit of a fact's value; return how many of ours it is."""
        if not unit and self.word() in ("%", "s", "ms"):
            unit = self.word()
            self._at += 1
        scales = {"%": PPM // 100} if fact in SHARES else {"": 1}
        scales = {"s": MS_PER_SECOND, "ms": 1} if fact == "boot" else scales
        if unit not in scales:
            raise UnclearNeedError(typed, f"not a value such as {_example(fact)}")
        return scales[unit]

    def _number(self) -> tuple[str, Number]:
        """Read a number; return what was typed, and it."""
        typed = self._tokens[self._at] if self.word() else "the end"
        if not is_number(typed):
            raise UnclearNeedError(typed, "here should be a number")
        found = number(typed, "" if self.word(1) in self._classes else self.word(1))
        self._at += 1
        return typed, found

    def _set(self, name: str, value: Any, typed: str) -> None:
        if getattr(self.need, name) is not None:
            raise UnclearNeedError(typed, f"the {WORDS[name]} is said twice")
        self.need = replace(self.need, **{name: value})

    def _add(self, bound: Bound, typed: str) -> None:
        if bound in self.need.bounds:
            raise UnclearNeedError(typed, "said twice")
        self.need = replace(self.need, bounds=(*self.need.bounds, bound))


WORDS: Final = {
    "class_": "size",
    "units": "number of units",
    "price_max_ucr": "price",
    "accel": "accelerator",
    "pricing": "pricing",
}


def _with(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return names if name in names else (*names, name)


def _is_whole(value: Decimal, least: int, most: int) -> bool:
    return value == value.to_integral_value() and least <= value <= most


def _example(fact: Fact) -> str:
    return "1 %" if fact in SHARES else "20 s" if fact == "boot" else "10"
