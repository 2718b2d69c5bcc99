"""The wire messages described for machines and readers, generated from the Structs. Pure.

JSON Schema (`GET /v1/schema`), AsyncAPI 3 and the tables of the message reference in docs/ all come
from here, so none of them can disagree with what the exchange accepts and sends.
"""

from collections.abc import Iterable
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct, inspect

from exchange.wire import frames
from exchange.wire.inbound import ClientMessage
from exchange.wire.roles import BEFORE_LOGIN, ROLES
from exchange.wire.types import JSON_SUBPROTOCOL, MSGPACK_SUBPROTOCOL, PROTOCOL_VERSION

REQUESTS: Final[tuple[type[Struct], ...]] = get_args(ClientMessage)
FRAMES: Final[tuple[type[Struct], ...]] = get_args(frames.ServerMessage)
SCHEMA_REF: Final = "#/$defs/{name}"


def tag(message: type[Struct]) -> str:
    """Return a message's ``type`` on the wire."""
    info = inspect.type_info(message)
    assert isinstance(info, inspect.StructType)
    return str(info.tag)


def summary(message: type[Struct]) -> str:
    """Return the first sentence of a message's description, "" when it has none."""
    own = message.__dict__.get("__doc__") or ""
    return " ".join(own.split("\n\n")[0].replace("``", "`").split())


def json_schema() -> dict[str, Any]:
    """Return one JSON Schema for everything either side may send."""
    messages = [*REQUESTS, *FRAMES]
    refs, parts = msgspec.json.schema_components(messages, ref_template=SCHEMA_REF)
    sent = len(REQUESTS)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Headroom wire protocol, version {PROTOCOL_VERSION}",
        "anyOf": [{"$ref": "#/$defs/request"}, {"$ref": "#/$defs/frame"}],
        "$defs": {
            "request": {"oneOf": list(refs[:sent])},
            "frame": {"oneOf": list(refs[sent:])},
            **parts,
        },
    }


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3 document of the WebSocket endpoint."""
    _, parts = msgspec.json.schema_components(
        [*REQUESTS, *FRAMES], ref_template="#/components/schemas/{name}"
    )
    ids = {message: tag(message).replace(".", "_") for message in (*REQUESTS, *FRAMES)}
    messages = {
        ids[message]: {
            "name": tag(message),
            "summary": summary(message),
            "contentType": "application/json",
            "payload": {"$ref": f"#/components/schemas/{message.__name__}"},
        }
        for message in ids
    }
    channel = {"$ref": "#/channels/ws"}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Headroom Marketplace",
            "version": f"{PROTOCOL_VERSION}.0.0",
            "description": (
                f"One message a WebSocket frame. Subprotocols {JSON_SUBPROTOCOL} (text) and "
                f"{MSGPACK_SUBPROTOCOL} (binary)."
            ),
        },
        "channels": {
            "ws": {
                "address": "/v1/ws",
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"} for name in ids.values()
                },
            }
        },
        "operations": {
            "send": _operation("receive", channel, [ids[m] for m in REQUESTS]),
            "hear": _operation("send", channel, [ids[m] for m in FRAMES]),
        },
        "components": {"messages": messages, "schemas": parts},
    }


def _operation(action: str, channel: dict[str, str], names: list[str]) -> dict[str, Any]:
    """``action`` is the exchange's side: what it receives a client sends."""
    refs = [{"$ref": f"#/channels/ws/messages/{name}"} for name in names]
    return {"action": action, "channel": channel, "messages": refs}


# --- tables for readers ---


def reference() -> str:
    """Return the message reference as Markdown: every message, every field."""
    parts = ["## What a client or host sends\n"]
    parts.extend(_section(message, roles_text(message)) for message in REQUESTS)
    parts.append("## What the exchange sends\n")
    parts.extend(_section(message, "") for message in FRAMES)
    parts.append("## Types inside messages\n")
    parts.extend(_section(part, "") for part in _inner_types())
    return "\n".join(parts)


def roles_text(message: type[Struct]) -> str:
    """Return who may send a request, in words."""
    if message in BEFORE_LOGIN:
        return "Before login."
    return "Role " + ", ".join(ROLES[message]) + "."


def _section(message: type[Struct], who: str) -> str:
    info = inspect.type_info(message)
    assert isinstance(info, inspect.StructType)
    name = f"`{info.tag}`" if info.tag else f"`{message.__name__}`"
    said = " ".join(part for part in (summary(message), who) if part)
    lines = [f"### {name}\n"]
    if said:
        lines.append(said + "\n")
    if info.fields:
        lines += ["| field | type | |", "|---|---|---|"]
        lines += [_field_row(field) for field in _required_first(info.fields)]
        lines.append("")
    return "\n".join(lines)


def _required_first(fields: tuple[inspect.Field, ...]) -> list[inspect.Field]:
    return sorted(fields, key=lambda field: (field.encode_name != "req_id", not field.required))


def _field_row(field: inspect.Field) -> str:
    default = ""
    if not field.required:
        empty = field.default in (None, msgspec.NODEFAULT)
        default = "optional" if empty else f"default `{str(field.default).lower()}`"
    null = " or null" if field.required and _may_be_null(field.type) else ""
    return f"| `{field.encode_name}` | {type_text(field.type)}{null} | {default} |"


def _may_be_null(kind: inspect.Type) -> bool:
    return any(isinstance(part, inspect.NoneType) for part in _parts(kind))


def type_text(kind: inspect.Type) -> str:
    """Return a field's type in words, with its bounds."""
    match kind:
        case inspect.UnionType(types=types):
            known = [part for part in types if not isinstance(part, inspect.NoneType)]
            return " or ".join(type_text(part) for part in known)
        case inspect.LiteralType(values=values):
            return " \\| ".join(f"`{value}`" for value in values)
        case inspect.IntType(ge=low, le=high) | inspect.FloatType(ge=low, le=high):
            word = "int" if isinstance(kind, inspect.IntType) else "number"
            bounds = "" if low is None and high is None else f" {_n(low)}..{_n(high)}"
            return word + bounds
        case inspect.StrType(max_length=longest, pattern=pattern):
            return _text_type(longest, pattern)
        case inspect.ListType(item_type=item, max_length=longest):
            return f"list of {type_text(item)}" + (f", at most {longest}" if longest else "")
        case inspect.TupleType(item_types=items):
            return "[" + ", ".join(type_text(item) for item in items) + "]"
        case inspect.DictType(value_type=value):
            return f"object of {type_text(value)}"
        case inspect.StructType(cls=cls):
            return f"[`{cls.__name__}`](#{cls.__name__.lower()})"
        case inspect.BoolType():
            return "bool"
        case _:
            return "any"


def _text_type(longest: int | None, pattern: str | None) -> str:
    if pattern is not None and "{64}" in pattern:
        return "SHA-256, lower-case hex"
    if pattern is not None and "{43}" in pattern:
        return "base64 of 32 bytes"
    return "text" + (f", at most {longest} characters" if longest else "")


def _n(bound: float | None) -> str:
    if bound == 2**53:
        return "2^53"
    if bound == -(2**53):
        return "-2^53"
    return "" if bound is None else f"{bound:g}" if bound < 10**6 else f"{int(bound):,}"


def _inner_types() -> list[type[Struct]]:
    """Return the Structs that appear inside messages, in the order of their first use."""
    found: dict[type[Struct], None] = {}
    for message in (*REQUESTS, *FRAMES):
        _collect(inspect.type_info(message), found)
    return [part for part in found if part not in (*REQUESTS, *FRAMES)]


def _collect(kind: inspect.Type, found: dict[type[Struct], None]) -> None:
    if isinstance(kind, inspect.StructType):
        if kind.cls in found:
            return
        found[kind.cls] = None
        for field in kind.fields:
            _collect(field.type, found)
    for part in _parts(kind):
        _collect(part, found)


def _parts(kind: inspect.Type) -> Iterable[inspect.Type]:
    match kind:
        case inspect.UnionType(types=types):
            return types
        case inspect.ListType(item_type=item):
            return (item,)
        case inspect.TupleType(item_types=items):
            return items
        case inspect.DictType(value_type=value):
            return (value,)
        case _:
            return ()
