"""`headroom admin`: the operator's messages, one subcommand each, made from the Structs.

Nothing here knows a message: name, options and help of every subcommand come from its Struct in
`protocol.py`, so a message added there is a subcommand at once.
"""

import inspect
from pathlib import Path
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

import msgspec
import typer
from msgspec.structs import FieldInfo, fields

from exchange.cli.common import EXIT_USAGE, Json, OperatorKey, Url, fail
from exchange.cli.one_request import ask, show
from exchange.wire.codec import readable
from exchange.wire.inbound import ClientMessage
from exchange.wire.types import Request

app = typer.Typer(no_args_is_help=True, help="The operator's requests to a running exchange.")

PREFIX: Final = "admin."


def operator_messages() -> list[type[Request]]:
    """Return the Structs of all ``admin.*`` messages, in the order of `inbound.ClientMessage`."""
    return [kind for kind in get_args(ClientMessage) if _tag(kind).startswith(PREFIX)]


def subcommand(message: type[Request]) -> str:
    """Return the subcommand's name: ``admin.key_revoke`` is `headroom admin key-revoke`."""
    return _tag(message).removeprefix(PREFIX).replace("_", "-")


def add_subcommand(message: type[Request]) -> None:
    """Add the subcommand that sends ``message``, with an option for each of its fields."""

    def run(key: Path, url: str | None, as_json: bool, **given: Any) -> None:
        show(ask(url, key, built(message, given)), as_json)

    own = [_option(message, field) for field in fields(message) if field.name != "req_id"]
    required = [option for option in own if option.default is inspect.Parameter.empty]
    optional = [option for option in own if option.default is not inspect.Parameter.empty]
    # Typer reads a command's options from its signature.
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [*required, _parameter("key", OperatorKey), *optional, *_COMMON]
    )
    # The docstrings mark names for the reference on paper; a terminal would show the marks.
    help_text = inspect.cleandoc(message.__doc__ or f"Send {_tag(message)}.").replace("``", "")
    app.command(subcommand(message), help=help_text)(run)


def built(message: type[Request], given: dict[str, Any]) -> Request:
    """Return the message with the options ``given``; exit 2 when one is out of bounds."""
    told = {name: value for name, value in given.items() if value not in (None, [])}
    try:
        return msgspec.convert({"type": _tag(message), "req_id": 1, **told}, message)
    except msgspec.ValidationError as error:
        fail(f"admin {subcommand(message)}: {readable(str(error))}", EXIT_USAGE)


def _tag(message: type[Request]) -> str:
    return str(message.__struct_config__.tag)


def _option(message: type[Request], field: FieldInfo) -> inspect.Parameter:
    hint: Any = get_type_hints(message)[field.name]
    if get_origin(hint) is list:
        hint = list[str]  # repeated on the command line; the Struct's own bounds still apply
    option: Any = Annotated[hint, typer.Option(help=_bounds(field))]
    default = inspect.Parameter.empty if field.required else field.default
    return _parameter(field.name, option, default)


def _parameter(
    name: str, annotation: Any, default: Any = inspect.Parameter.empty
) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, annotation=annotation, default=default)


def _bounds(field: FieldInfo) -> str:
    """Return the unit the field's name ends in, since every integer carries one."""
    units = {"ucr": "micro-credits", "ms": "UTC epoch ms", "pct": "percent", "s": "per second"}
    return units.get(field.name.rpartition("_")[2], "")


_COMMON: Final = [_parameter("url", Url, None), _parameter("as_json", Json, False)]

for _message in operator_messages():
    add_subcommand(_message)
