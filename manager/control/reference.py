"""The tables of docs/control.md, made from the message types. Pure."""

from collections.abc import Iterator
from typing import Any, Final, get_args

from msgspec import Struct, inspect

from manager.control import frames, requests

BEGIN: Final = "<!-- generated from the message types: tests/manager/control/test_reference.py -->"
ROWS: Final[tuple[type[Struct], ...]] = (
    frames.LoadRow,
    frames.SpendRow,
    frames.RuleRow,
    frames.BurstRow,
    frames.UnitRow,
    frames.OrderRow,
    frames.VmRow,
    frames.GroupRow,
    frames.AskRow,
    frames.OfferShown,
    frames.WantedRow,
    frames.AlertRow,
)


def generated() -> str:
    """Return the generated part of the page."""
    parts = ["", "## Requests", "", "| `type` | fields | what it does |", "|---|---|---|"]
    parts += [_request(kind) for kind in get_args(requests.ControlRequest)]
    parts += ["", "`?` marks what may be left out.", "", "## Reasons", ""]
    parts.append(", ".join(f"`{reason}`" for reason in get_args(frames.ControlReason)))
    parts += ["", "## Frames and rows", ""]
    parts += ["| what | fields | |", "|---|---|---|"]
    parts += [_row(kind) for kind in (*get_args(frames.ControlFrame), *ROWS)]
    parts += ["", f"States of a rule: {_words(frames.RuleStand)}.", ""]
    parts += [f"Kinds of alerts: {_words(frames.AlertKind)}.", ""]
    return "\n".join(parts)


def _words(closed: Any) -> str:
    return ", ".join(f"`{word}`" for word in get_args(closed))


def _request(kind: type[Struct]) -> str:
    return f"| `{_info(kind).tag}` | {_fields(kind)} | {_summary(kind)} |"


def _row(kind: type[Struct]) -> str:
    tag = _info(kind).tag
    name = f"`{tag}`" if tag else kind.__name__
    return f"| {name} | {_fields(kind)} | {_summary(kind)} |"


def _fields(kind: type[Struct]) -> str:
    return ", ".join(_names(kind)) or "–"


def _names(kind: type[Struct]) -> Iterator[str]:
    for field in _info(kind).fields:
        if field.encode_name != "req_id":
            yield f"`{field.encode_name}`{'' if field.required else '?'}"


def _info(kind: type[Struct]) -> inspect.StructType:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return info


def _summary(kind: type[Struct]) -> str:
    return " ".join((kind.__doc__ or "").replace("``", "`").split())
