"""Says what is wrong with an option in a person's words: its name, its value, what may be. Pure.

What may be is read from the message's own types, so that no command repeats a bound.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
from msgspec import inspect

from exchange.units import MAX_INT
from exchange.wire.codec import pattern_in_words, readable
from exchange.wire.types import Request

ARGUMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sha256": "DIGEST",
        "vm_id": "VM",
        "lease_id": "LEASE",
        "order_id": "ORDER",
        "client_order_id": "ORDER",
    }
)
"""Fields that are words of a command line, and no options, wherever a person gives them."""
SHOWN_CHARS: Final = 40
_SECRET: Final = ("token", "token_sha256", "public_key")
_AT: Final = re.compile(r" - at `\$\.(?P<field>\w+)(?P<more>[^`]*)`\Z")
_STEP: Final = re.compile(r"\.(\w+)|\[(\d+)\]")
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def plainly(
    error: msgspec.ValidationError,
    fields: Mapping[str, Any],
    kind: type[Request],
    options: Mapping[str, str] = _NOTHING,
) -> str:
    """Return one line about ``fields``, of which ``error`` says that they make no ``kind``.

    ``options``: what fields are called on the command line, if not as `named` has it.
    """
    text = str(error)
    found = _AT.search(text)
    if found is None:
        return readable(text)
    field, steps = found["field"], _STEP.findall(found["more"])
    name = named(([field] + [step[0] for step in steps if step[0]])[-1], options)
    allowed = _allowed(_type_at(kind, field, steps))
    if allowed is None:
        words = readable(text[: found.start()])
        return f"{name}: {words[:1].lower()}{words[1:]}"
    return f"{name}{_shown(field, fields, steps)}: not {allowed}"


def named(field: str, options: Mapping[str, str] = _NOTHING) -> str:
    """Return what a person calls a field: its option, as a rule ``--take-over`` for take_over."""
    default = ARGUMENTS.get(field, f"--{field.replace('_', '-')}")
    return options.get(field, default)


def by_options(text: str, kind: type[Request], options: Mapping[str, str] = _NOTHING) -> str:
    """Put the option in place of every field of ``kind`` that ``text`` names.

    ``options``: what fields are called on the command line, if not as `named` has it.
    """
    fields = [field for field in kind.__struct_fields__ if "_" in field]
    words = re.compile(rf"(?<![\w-])({'|'.join(fields)})(?!\w)")
    return words.sub(lambda found: named(found[1], options), text)


def _shown(field: str, fields: Mapping[str, Any], steps: list[tuple[str, str]]) -> str:
    value = fields[field]
    for key, at in steps:
        value = value[key] if key else value[int(at)]
    short = isinstance(value, str | int) and 0 < len(str(value)) <= SHOWN_CHARS
    return f" {value}" if short and field not in _SECRET and str(value).isprintable() else ""


def _type_at(kind: type[Request], field: str, steps: list[tuple[str, str]]) -> inspect.Type:
    """Return the type of what ``steps`` lead to; optional counts as what it is when given."""
    at = _field_type(inspect.type_info(kind), field)
    for key, _ in steps:
        at = _field_type(at, key) if key else at.item_type  # type: ignore[attr-defined]
        at = _given(at)
    return at


def _field_type(struct: inspect.Type, name: str) -> inspect.Type:
    assert isinstance(struct, inspect.StructType), "only messages and their parts have fields"
    return _given(next(one.type for one in struct.fields if one.encode_name == name))


def _given(at: inspect.Type) -> inspect.Type:
    if isinstance(at, inspect.UnionType):
        return next(one for one in at.types if not isinstance(one, inspect.NoneType))
    return at


def _allowed(at: inspect.Type) -> str | None:
    match at:
        case inspect.LiteralType():
            return _either([str(value) for value in at.values])
        case inspect.IntType():
            least = at.ge if at.ge is not None else -MAX_INT
            most = MAX_INT if at.le is None else at.le
            return f"a whole number from {least} to {most}"
        case inspect.StrType():
            return _text(at)
        case inspect.ListType() if at.max_length is not None:
            few = f"{at.min_length} to" if at.min_length else "at most"
            return f"{few} {at.max_length} values"
    return None


def _text(at: inspect.StrType) -> str | None:
    words = "characters" if at.pattern is None else pattern_in_words(at.pattern)
    if at.max_length is None:
        return None if at.pattern is None else words
    return f"{at.min_length or 0} to {at.max_length} {words}"


def _either(words: list[str]) -> str:
    *before, last = words
    return f"{', '.join(before)} or {last}" if before else last
