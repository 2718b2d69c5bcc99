"""The operator's configuration file for `exchange init`: TOML over the defaults. Shell."""

import re
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import fields, replace

from exchange import files
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
        config = msgspec.convert(msgspec.to_builtins(default_config()) | given, ExchangeConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"configuration {path}: {_explained(str(error))}") from error
    if "instruments" not in given:
        config = replace(config, instruments=spot_instruments(config.classes, config.zones))
    if "windows" not in given:
        config = replace(config, windows=window_series(config.classes, config.zones))
    if (told := mistake(config)) is not None:
        raise ConfigError(f"configuration {path}: {told}")
    return config


def _explained(text: str) -> str:
    """Return what msgspec says of a mistake; an unknown name with those that there are."""
    if "unknown field" not in text:
        return readable(text)
    place = _PLACE.search(text)
    table = _TABLES[place["table"]] if place else ExchangeConfig
    names = ", ".join(field.encode_name for field in fields(table))
    return f"{text}; there are {names}"
