"""The operator's configuration file for `exchange init`: TOML over the defaults. Shell."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
import typer
from msgspec.structs import fields, replace

from exchange import files
from exchange.cli.common import ucr
from exchange.model.config import (
    ExchangeConfig,
    InstrumentConfig,
    WindowConfig,
    ZoneConfig,
    default_config,
    mistake,
    spot_instruments,
    window_series,
)
from exchange.wire.codec import readable
from exchange.wire.types import Capacity

_TABLES: Final[dict[str, type[msgspec.Struct]]] = {
    "classes": Capacity,
    "zones": ZoneConfig,
    "instruments": InstrumentConfig,
    "windows": WindowConfig,
}
FILE_BYTES_MAX: Final = 1 << 20
IN_CREDITS: Final = {"tick": "tick_ucr", "ref_price": "ref_ucr"}
"""Keys of a market for money in credits, and the fields they stand for."""
_PLACE: Final = re.compile(r"unknown field .* - at `\$\.(?P<table>\w+)")


class ConfigError(Exception):
    """A configuration file cannot be used. ``str()`` is one line naming the file and field."""


def load_config(path: Path | None) -> ExchangeConfig:
    """Return the configuration in ``path``; what it leaves out, or no file, is the default."""
    if path is None:
        return default_config()
    try:
        given = files.toml(files.read(path, FILE_BYTES_MAX).decode("utf-8"))
    except OSError as error:
        raise ConfigError(f"configuration {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"configuration {path}: {error}") from error
    try:
        _to_ucr(given)
        config = msgspec.convert(msgspec.to_builtins(default_config()) | given, ExchangeConfig)
    except typer.BadParameter as error:
        raise ConfigError(f"configuration {path}: {error.message}") from error
    except msgspec.ValidationError as error:
        raise ConfigError(f"configuration {path}: {_explained(str(error))}") from error
    if "instruments" not in given:
        config = replace(config, instruments=spot_instruments(config.classes, config.zones))
    if "windows" not in given:
        config = replace(config, windows=window_series(config.classes, config.zones))
    if (told := mistake(config)) is not None:
        raise ConfigError(f"configuration {path}: {told}")
    return config


def _to_ucr(given: dict[str, Any]) -> None:
    """Replace amounts in credits by micro-credits. Raises `BadParameter`."""
    for table in ("instruments", "windows"):
        rows = given.get(table)
        for number, row in enumerate(rows if isinstance(rows, list) else []):
            for name in IN_CREDITS.keys() & row.keys() if isinstance(row, dict) else ():
                if IN_CREDITS[name] in row:
                    place = f"{table}[{number}]"
                    raise typer.BadParameter(f"{place}: {name} or {IN_CREDITS[name]}, not both")
                row[IN_CREDITS[name]] = _credits(f"{table}[{number}].{name}", row.pop(name))


def _credits(place: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise typer.BadParameter(f"{place}: not a number of credits")
    try:
        return ucr(format(Decimal(str(value)), "f"))
    except typer.BadParameter as error:
        raise typer.BadParameter(f"{place}: {error.message}") from None


def _explained(text: str) -> str:
    """Return msgspec's error text; for an unknown name, list the known ones."""
    if "unknown field" not in text:
        return readable(text)
    place = _PLACE.search(text)
    table = _TABLES[place["table"]] if place else ExchangeConfig
    known = [field.encode_name for field in fields(table)]
    names = ", ".join([*known, *(name for name, of in IN_CREDITS.items() if of in known)])
    return f"{text}; there are {names}"
