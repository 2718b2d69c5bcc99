"""`headroom admin`: the operator's messages, one subcommand each, made from the Structs.

No message is named here: name, options and help of every subcommand come from its Struct in
`admin_requests.py`, so a message added there becomes a subcommand without further code. Money and
dates have two options: one as people write them, in credits or as a date, and one in the unit of
the field.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import typer
from msgspec.structs import FieldInfo, fields

from exchange.cli.common import (
    Json,
    OperatorKey,
    Url,
    credits_option,
    date_option,
    either,
)
from exchange.cli.one_request import ask, checked, show
from exchange.wire.inbound import ClientMessage
from exchange.wire.types import Request

app = typer.Typer(no_args_is_help=True, help="Send the operator's requests to a running exchange.")

PREFIX: Final = "admin."

MEANING: Final = {
    "accel": "What may run the zone's VMs: kvm, tcg or simulated; give it once for each.",
    "account": "The account's id.",
    "after": "Read on behind what the page before returned as next.",
    "amount_ucr": "How much to book in; negative: out.",
    "application": "The application's id, such as a-1-1.",
    "band_pct": "How far from the reference an order may lie, in percent; 0: anywhere.",
    "country": "Two capital letters, such as DE.",
    "enabled": "Cancel and block, or lift that.",
    "halted": "Stop trading, or resume it.",
    "key_id": "The key's id; no two keys have the same.",
    "limit": "Read so many rows at most.",
    "max_notional_ucr": "Most that one order may cost in an hour; 0: unlimited.",
    "max_open_orders": "Most orders that may rest; 0: unlimited.",
    "max_qty": "Most units in one order; 0: unlimited.",
    "name": "What people call the account.",
    "not_after_ms": "When the key ends by itself.",
    "orders_per_s": "Most orders in a second; 0: unlimited.",
    "public_key": "The public key, as headroom key show prints it.",
    "ref": "Your own reference; the same one again within 24 h books nothing.",
    "ref_ucr": "The reference price of a unit-hour, until something was traded.",
    "role": "What the key may do.",
    "symbol": "The instrument, such as small.eu-de.flat.spot.",
    "tick_ucr": "Prices are multiples of it.",
    "zone": "The zone, such as eu-de.",
}
"""What each field means, by its name."""
TYPED_APART: Final = {"ref_ucr": "ref_price"}
"""Option names for values as people type them, where the field's name without its unit would mean
something else."""


def operator_messages() -> list[type[Request]]:
    """Return the Structs of all ``admin.*`` messages, in the order of `inbound.ClientMessage`."""
    return [kind for kind in get_args(ClientMessage) if _tag(kind).startswith(PREFIX)]


def subcommand(message: type[Request]) -> str:
    """Return the subcommand's name: ``admin.key_revoke`` is `headroom admin key-revoke`."""
    return _tag(message).removeprefix(PREFIX).replace("_", "-")


def add_subcommand(message: type[Request]) -> None:
    """Add the subcommand that sends ``message``, with options for each of its fields."""

    def run(key: Path, url: str | None, as_json: bool, **given: Any) -> None:
        show(ask(url, key, built(message, given)), as_json)

    own = [
        option
        for field in fields(message)
        if field.name != "req_id"
        for option in _options(message, field)
    ]
    required = [option for option in own if option.default is inspect.Parameter.empty]
    optional = [option for option in own if option.default is not inspect.Parameter.empty]
    # Typer reads a command's options from its signature.
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*required, _parameter("key", OperatorKey), *optional, *_COMMON]
    )
    # The docstrings mark names with backquotes for the reference page; a terminal would show them.
    help_text = inspect.cleandoc(message.__doc__ or f"Send {_tag(message)}.").replace("``", "")
    app.command(subcommand(message), help=help_text)(run)


def built(message: type[Request], given: dict[str, Any]) -> Request:
    """Return the message with the options ``given``; exit 2 when one is out of bounds."""
    command = f"admin {subcommand(message)}"
    for field in fields(message):
        if (typed := _typed_name(field.name)) is not None:
            names = _flag(typed), _flag(field.name)
            values = given.pop(typed, None), given.get(field.name)
            given[field.name] = either(
                command, dict(zip(names, values, strict=True)), field.required
            )
    told = {name: value for name, value in given.items() if value not in (None, [])}
    return checked(command, told, message)


def _tag(message: type[Request]) -> str:
    return str(message.__struct_config__.tag)


def _typed_name(field: str) -> str | None:
    """Return the name of the option that takes the field as people write it, None for none."""
    bare, _, unit = field.rpartition("_")
    return TYPED_APART.get(field, bare) if unit in ("ucr", "ms") else None


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _options(message: type[Request], field: FieldInfo) -> Iterator[inspect.Parameter]:
    hint: Any = get_type_hints(message)[field.name]
    if get_origin(hint) is list:
        hint = list[str]  # repeated on the command line; the Struct's own bounds still apply
    meaning = MEANING.get(field.name, "")
    typed = _typed_name(field.name)
    if typed is None:
        default = inspect.Parameter.empty if field.required else field.default
        yield _parameter(field.name, Annotated[hint, typer.Option(help=meaning)], default)
        return
    of_money = field.name.endswith("_ucr")
    option = (credits_option if of_money else date_option)(_flag(typed), meaning)
    yield _parameter(typed, Annotated[int | None, option], None)
    unit = "micro-credits" if of_money else "UTC epoch milliseconds"
    exact = typer.Option(_flag(field.name), help=f"The same in {unit}.")
    yield _parameter(field.name, Annotated[int | None, exact], None)


def _parameter(
    name: str, annotation: Any, default: Any = inspect.Parameter.empty
) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, annotation=annotation, default=default)


_COMMON: Final = [_parameter("url", Url, None), _parameter("as_json", Json, False)]

for _message in operator_messages():
    add_subcommand(_message)
