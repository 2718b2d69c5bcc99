"""The terminal's own settings: ``tui.toml`` in the user's configuration folder, all optional.

Options on the command line win over the file, the file over the defaults.
"""

import os
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from exchange import files
from exchange.cli.common import DEFAULT_URL
from tui.palettes import DEFAULT_THEME, PALETTES
from tui.view.guard import FAT_FINGER_MAX, FAT_FINGER_PCT

CONFIG_BYTES_MAX: Final = 64 * 1024


class ConfigError(Exception):
    """The file cannot be used; ``str`` is one line that names it and the place."""


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """``theme`` is one of `tui.palettes.PALETTES`; ``symbol`` is shown first."""

    url: str = DEFAULT_URL
    key: str | None = None
    theme: str = DEFAULT_THEME
    symbol: str = ""
    fat_finger_pct: Annotated[int, Meta(ge=0, le=FAT_FINGER_MAX)] = FAT_FINGER_PCT
    """Ask about an order whose price is further through the market; 0 never asks."""


def config_path() -> Path:
    """Return where the file is looked for: XDG's folder, else ``~/.config``."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "headroom" / "tui.toml"


def load_config(path: Path) -> Config:
    """Return the settings in ``path``, the defaults when there is no file; `ConfigError` else."""
    try:
        text = files.read(path, CONFIG_BYTES_MAX)
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    try:
        config = msgspec.toml.decode(text, type=Config)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if config.theme not in PALETTES:
        raise ConfigError(f"{path}: theme: one of {', '.join(PALETTES)}")
    return config
