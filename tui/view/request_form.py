"""A form of texts that make one request: what each field takes, and the request. Pure.

What is typed is taken exactly or refused with the field's name: nothing is guessed.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from exchange.units import MS_PER_SECOND
from exchange.wire.codec import readable
from exchange.wire.types import Request
from tui.view.form import Checked, Form, FormField, Values
from tui.view.text import MINUS, parse_price_ucr

Kind: TypeAlias = Literal["text", "count", "money", "day", "words"]
WANTED: Final[dict[Kind, str]] = {
    "text": "a text",
    "count": "a whole number",
    "money": "an amount in credits such as 50 or 0.031",
    "day": "a day such as 2027-01-31 (UTC)",
    "words": "words with blanks between them",
}


class Field(NamedTuple):
    """``name`` is the request's field; ``value`` stands there at first, ``hint`` says what goes."""

    name: str
    title: str
    hint: str = ""
    value: str = ""
    kind: Kind = "text"
    choices: tuple[str, ...] = ()


class RequestForm(NamedTuple):
    """``fixed``: fields of the request that are not asked for."""

    title: str
    request: type[Request]
    fields: Sequence[Field]
    fixed: Mapping[str, Any] = {}


def shown(form: RequestForm, told: Callable[[Request], str]) -> Form:
    """Return the form as it is asked; it says what its request does, or what is wrong."""
    fields = [
        FormField(field.name, field.title, field.value, field.choices, field.hint)
        for field in form.fields
    ]

    def check(values: Values) -> Checked:
        made = filled(form, values)
        return Checked(False, made) if isinstance(made, str) else Checked(True, told(made))

    return Form(form.title, tuple(fields), check)


def filled(form: RequestForm, texts: Mapping[str, str]) -> Request | str:
    """Return the request that ``texts`` make, or one line that says which field is wrong."""
    values: dict[str, Any] = {"req_id": 1, **form.fixed}
    for field in form.fields:
        text = texts[field.name].strip()
        if not text:
            continue  # left out, as the request allows; what it needs is told below
        value = _value(text, field.kind)
        if value is None:
            return f"{field.title}: {text!r} is not {WANTED[field.kind]}"
        values[field.name] = value
    try:
        return msgspec.convert(values | {"type": _tag(form.request)}, form.request)
    except msgspec.ValidationError as error:
        return _plain(str(error), form)


def _tag(request: type[Request]) -> str:
    return str(request.__struct_config__.tag)


def _value(text: str, kind: Kind) -> Any:
    match kind:
        case "text":
            return text
        case "count":
            return int(text) if text.isascii() and text.isdecimal() else None
        case "money":
            negative = text[0] in ("-", MINUS)
            amount = parse_price_ucr(text[negative:])
            return (
                None
                if amount is None or text[negative:] in ("", ".")
                else _signed(amount, negative)
            )
        case "day":
            return _day_ms(text)
        case "words":
            return text.replace(",", " ").split()


def _signed(amount: int, negative: bool) -> int:
    return -amount if negative else amount


def _day_ms(text: str) -> int | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    return round(found.timestamp() * MS_PER_SECOND)


def _plain(text: str, form: RequestForm) -> str:
    """Return msgspec's complaint with the field's title in front."""
    words = readable(text)
    for field in form.fields:
        if f"$.{field.name}" in words:
            return f"{field.title}: {words.partition(' - at ')[0].lower()}"
        if f"required field `{field.name}`" in words:
            return f"{field.title}: needed"
    return words
