"""A rule as a form: from what the file has to fields, and back with every mistake. Pure."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from exchange.wire.codec import readable
from manager.core.rule import parse
from manager.core.rule_text import RuleError, RuleText
from tui.view.sheet import (
    NUMBER,
    WHOLE,
    Field,
    Mistakes,
    Values,
    listed,
    number_mistake,
    stripped,
    whole_mistake,
)

HINTS: Final[dict[str, str]] = {
    "name": "letters, digits, - _ .",
    "when": "util > 70 for 2m",
    "at": "Fri 18:00-23:00, or use when",
    "timezone": "of at; UTC",
    "track": "target = 70, instead of when",
    "predict": "target = 70, for the load to come",
    "do": "buy 4, buy to 6, release 2 or all",
    "vm": "the stored VM to start",
    "price_max": "credits a unit-hour",
    "max_units": "at most so many",
    "cooldown": "1m",
    "zones": "eu-de, eu-fr: in this order",
    "fallback_class": "classes to buy instead",
    "budget_day": "credits a day",
    "budget_month": "credits a month",
    "forward": "yes: buy windows of at early",
    "paused": "yes: it does nothing",
}
NUMBERS: Final = ("price_max", "budget_day", "budget_month")
LISTS: Final = ("zones", "fallback_class")
FLAGS: Final = ("forward", "paused")
TABLES: Final = ("track", "predict")
AND: Final = " and "
PLACE: Final = re.compile(r" - at `(?:key in )?\$\.?(\w*)[^`]*`\Z")
IN_FILE: Final = re.compile(r"rule\[\d+\]\.(\w+)[^\s:]*: (.*)")
"""How the Manager names a field of a rule in the file."""


def rule_fields(start: Mapping[str, Any]) -> list[Field]:
    """Return the form of a rule that begins as ``start``; a name that is there stays."""
    return [
        Field(key, hint, _text(start[key]) if key in start else "", key == "name" and key in start)
        for key, hint in HINTS.items()
    ]


def _text(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else ""
        case float():
            return format(Decimal(str(value)).normalize(), "f")
        case list():
            return (AND if any(" " in str(part) for part in value) else ", ").join(map(str, value))
        case dict():
            return ", ".join(f"{key} = {_text(part)}" for key, part in value.items())
        case _:
            return str(value)


def rule_text(values: Values) -> tuple[RuleText | None, Mistakes]:
    """Return the rule, or what is wrong by field."""
    raw, mistakes = _raw(stripped(values))
    if mistakes:
        return None, mistakes
    try:
        rule = msgspec.convert(raw, RuleText)
        parse(rule)
    except msgspec.ValidationError as error:
        return None, _named(str(error))
    except RuleError as error:
        place, _, why = str(error).partition(": ")
        return None, {place.partition(".")[0]: why}
    return rule, {}


def _raw(values: Values) -> tuple[dict[str, Any], Mistakes]:
    raw: dict[str, Any] = {}
    mistakes: Mistakes = {}
    for key, text in values.items():
        value, wrong = _value(key, text)
        if wrong:
            mistakes[key] = wrong
        else:
            raw[key] = value
    if "name" not in raw:
        mistakes.setdefault("name", "missing; for example burst")
    return raw, mistakes


def _value(key: str, text: str) -> tuple[Any, str]:
    if key in NUMBERS:
        wrong = number_mistake(text)
        return (None, wrong) if wrong else (float(text), "")
    if key == "max_units":
        wrong = whole_mistake(text)
        return (None, wrong) if wrong else (int(text), "")
    if key in FLAGS:
        return text == "yes", "" if text in ("yes", "no") else "yes or no"
    if key in TABLES:
        return _table(text)
    if key in LISTS:
        return listed(text), ""
    if key == "when":
        parts = [part.strip() for part in text.split(AND)]
        return (parts if len(parts) > 1 else text), ""
    if key == "at":
        return (text.split(AND) if AND in text else text), ""
    return text, ""


def _table(text: str) -> tuple[Any, str]:
    table: dict[str, Any] = {}
    for part in listed(text):
        key, _, value = (each.strip() for each in part.partition("="))
        if not value:
            return None, "written as: target = 70, cooldown = 1m"
        number = int if WHOLE.fullmatch(value) else float if NUMBER.fullmatch(value) else str
        table[key] = number(value)
    return table, ""


def _named(error: str) -> Mistakes:
    place = PLACE.search(error)
    text = readable(PLACE.sub("", error))
    return {place[1] if place else "": text[:1].lower() + text[1:]}


def manager_mistakes(said: str) -> Mistakes:
    """Return what the Manager says is wrong with the file, by field of the rule."""
    found = {key: why for key, why in IN_FILE.findall(said) if key in HINTS}
    return found or {"": said}
