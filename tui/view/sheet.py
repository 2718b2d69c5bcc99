"""A form: named fields with a hint each, and what is wrong beside the field. Pure."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

Values: TypeAlias = dict[str, str]
Mistakes: TypeAlias = dict[str, str]
"""By field; "" is about none of them."""

NUMBER: Final = re.compile(r"\d{1,9}(\.\d{1,6})?", re.ASCII)
WHOLE: Final = re.compile(r"\d{1,7}", re.ASCII)


class Field(NamedTuple):
    """``fixed``: shown, and not to be changed."""

    key: str
    hint: str
    value: str = ""
    fixed: bool = False


def number_mistake(text: str) -> str:
    """Say why ``text`` is no decimal number, "" when it is one: nothing is read into it."""
    if NUMBER.fullmatch(text):
        return ""
    return f"{text!r} is no number; the dot is the decimal point"


def whole_mistake(text: str) -> str:
    return "" if WHOLE.fullmatch(text) else f"{text!r} is no whole number"


def listed(text: str) -> list[str]:
    """Return what stands between the commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def stripped(values: Mapping[str, str]) -> Values:
    """Return the fields that say something."""
    return {key: text.strip() for key, text in values.items() if text.strip()}
