"""The operator's configuration file for `exchange init`: TOML over the defaults. Shell."""

import tomllib
from pathlib import Path

import msgspec

from exchange.genesis import ExchangeConfig, default_config


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
        return msgspec.convert(msgspec.to_builtins(default_config()) | given, ExchangeConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"configuration {path}: {error}") from error
