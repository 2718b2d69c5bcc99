"""The operator's configuration file for `exchange init`: TOML over the defaults. Shell."""

import tomllib
from pathlib import Path

import msgspec
from msgspec.structs import replace

from exchange.genesis import (
    ExchangeConfig,
    default_config,
    mistake,
    spot_instruments,
    window_series,
)


class ConfigError(Exception):
    """A configuration file cannot be used. ``str()`` is one line naming the file and field."""


def load_config(path: Path | None) -> ExchangeConfig:
    """Return the configuration in ``path``; what it leaves out, or no file, is the default."""
    if path is None:
        return default_config()
    try:
        given = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"configuration {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration {path}: {error}") from error
    try:
        config = msgspec.convert(msgspec.to_builtins(default_config()) | given, ExchangeConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"configuration {path}: {error}") from error
    if "instruments" not in given:
        config = replace(config, instruments=spot_instruments(config.classes, config.zones))
    if "windows" not in given:
        config = replace(config, windows=window_series(config.classes, config.zones))
    if (told := mistake(config)) is not None:
        raise ConfigError(f"configuration {path}: {told}")
    return config
