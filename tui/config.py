"""The terminal's own settings: ``tui.toml`` in the user's configuration folder, all optional.

Options on the command line win over a profile, a profile over the file, the file over the defaults.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import asdict, replace

from exchange import files
from exchange.cli.common import DEFAULT_URL
from exchange.price_guard import FAT_FINGER_PCT
from tui.keymap import key_of
from tui.palettes import DEFAULT_THEME, PALETTES
from tui.view.guard import FAT_FINGER_MAX

PLAIN_THEMES: Final = {"dark": "headroom-dark", "light": "headroom-light"}
CONFIG_BYTES_MAX: Final = 64 * 1024


class ConfigError(Exception):
    """The file cannot be used; ``str`` is one line that names it and the place."""


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings for one of several exchanges or accounts, by ``--profile NAME``."""

    url: str | None = None
    key: str | None = None
    theme: str | None = None
    symbol: str | None = None
    control: str | None = None


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """``theme`` is one of `tui.palettes.PALETTES`; ``symbol`` is shown first."""

    url: str = DEFAULT_URL
    key: str | None = None
    theme: str = DEFAULT_THEME
    symbol: str = ""
    fat_finger_pct: Annotated[int, Meta(ge=0, le=FAT_FINGER_MAX)] = FAT_FINGER_PCT
    """Ask about an order whose price is further through the market; 0 never asks."""
    keymap: dict[str, str | list[str]] = {}
    """Keys by the name of their action, in place of its own."""
    control: str | None = None
    """The Manager's control socket."""

    scenarios: str | None = None
    """The folder of scenario files."""

    profiles: dict[str, Profile] = {}

    def keys(self) -> dict[str, tuple[str, ...]]:
        """Return the keymap in Textual's names; `ConfigError` on what is no key."""
        found: dict[str, tuple[str, ...]] = {}
        for name, written in self.keymap.items():
            each = [written] if isinstance(written, str) else written
            found[name] = tuple(_key(name, text) for text in each)
        return found


def _key(action: str, text: str) -> str:
    key = key_of(text)
    if key is None:
        raise ConfigError(f"keymap: {action}: {text!r} is no key")
    return key


def config_path() -> Path:
    """Return where the file is looked for: XDG's folder, else ``~/.config``."""
    home = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "headroom" / "tui.toml"


def load_config(path: Path, profile: str | None = None) -> Config:
    """Return the settings in ``path``, the defaults when there is no file; `ConfigError` else.

    What the table ``[profiles.NAME]`` says of ``profile`` stands before the rest.
    """
    try:
        text = files.read(path, CONFIG_BYTES_MAX)
    except FileNotFoundError:
        if profile is not None:
            raise ConfigError(f"{path}: there is no profile {profile!r}") from None
        return Config()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    try:
        config = msgspec.toml.decode(text, type=Config)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
    if profile is not None:
        config = _with_profile(config, profile, path)
    config = replace(config, theme=PLAIN_THEMES.get(config.theme, config.theme))
    if config.theme not in PALETTES:
        raise ConfigError(f"{path}: theme: one of {', '.join(PALETTES)}")
    return config


class Setting(NamedTuple):
    """``origin``: command line, environment, profile, file, default."""

    name: str
    value: str
    origin: str


NOTHING: Final[Mapping[str, str]] = {}
WHAT: Final = {
    "url": "the exchange",
    "key": "your key file; without one you watch",
    "symbol": "the instrument shown first",
    "control": "the socket of your Manager",
    "theme": "dark, light or cb-safe",
    "fat_finger_pct": "asks if a price is so far through",
    "scenarios": "the folder of scenario files",
    "keymap": "other keys for actions, by name",
}
"""What can be set, and what each setting is."""
NAMES: Final = tuple(name for name in WHAT if name != "keymap")


def usual(given: Mapping[str, str] = NOTHING, origin: str = "") -> list[Setting]:
    """Return all that can be set where no file is read; ``given`` is set by ``origin``."""
    config = Config()
    return [
        Setting(name, given[name], origin)
        if name in given
        else Setting(name, str(getattr(config, name) or "–"), "default")
        for name in WHAT
    ]


def settings(
    config: Config, path: Path, profile: str | None, given: Mapping[str, str | None]
) -> list[Setting]:
    """Return what is set and where it came from; ``given``: what options and environment say."""
    told = _told(path)
    of_profile = told.get("profiles", {}).get(profile, {}) if profile else {}
    found = []
    for name in NAMES:
        value, origin = str(getattr(config, name) or "–"), "default"
        if given.get(name) is not None:
            value, origin = str(given[name]), "command line"
            if os.environ.get(f"HEADROOM_{name.upper()}") == value:
                origin = "environment"
        elif name in of_profile:
            origin = f"profile {profile}"
        elif name in told:
            origin = "file"
        found.append(Setting(name, value, origin))
    changed = Setting(
        "keymap", f"{len(config.keymap)} changed", "file" if config.keymap else "default"
    )
    return [*found, changed]


def _told(path: Path) -> dict[str, Any]:
    """Return what the file says, as it says it; it was read without a mistake before."""
    try:
        return msgspec.toml.decode(files.read(path, CONFIG_BYTES_MAX), type=dict[str, Any])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _with_profile(config: Config, name: str, path: Path) -> Config:
    profile = config.profiles.get(name)
    if profile is None:
        raise ConfigError(f"{path}: there is no profile {name!r}")
    said = {key: value for key, value in asdict(profile).items() if value is not None}
    return replace(config, **said)
