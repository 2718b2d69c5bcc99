"""A few typed values before an act: what is asked, and what the answers mean or lack. Pure."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

Values: TypeAlias = Mapping[str, str]


class FormField(NamedTuple):
    """``choices``: what up and down go through; any other text may be typed too.

    ``hint`` stands where nothing is typed yet.
    """

    name: str
    label: str
    value: str = ""
    choices: tuple[str, ...] = ()
    hint: str = ""


class Checked(NamedTuple):
    """``text`` says what the values would do, or, not ``ok``, why they cannot be taken."""

    ok: bool
    text: str


class Form(NamedTuple):
    """``check`` is asked after every key."""

    title: str
    fields: tuple[FormField, ...]
    check: Callable[[Values], Checked]


def chosen(field: FormField, value: str, by: int) -> str:
    """Return the choice ``by`` places from ``value``; the first one when ``value`` is none."""
    if not field.choices:
        return value
    if value not in field.choices:
        return field.choices[0 if by > 0 else -1]
    return field.choices[(field.choices.index(value) + by) % len(field.choices)]
