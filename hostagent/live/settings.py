"""The settings of a booted image: role, exchange, token, name. Pure.

Each key is looked for on the kernel command line (``headroom.url=...``), then in ``headroom.toml``
on a volume labelled HEADROOM, then in what was baked into the image; the first found wins.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, get_args

from msgspec import Struct

from exchange.wire.urls import listed

Role: TypeAlias = Literal["host", "manager"]
ROLES: Final = get_args(Role)
KEYS: Final = ("role", "url", "token", "name", "zone", "advertise", "ports")
VALUE_MAX: Final = 400
_PREFIX: Final = "headroom."
_URL: Final = re.compile(r"wss?://[^\s/]+(/\S*)?")
_WORD: Final = re.compile(r'(?:[^\s"]|"[^"]*"?)+')


class Found(Struct, frozen=True):
    """What one place says: ``values`` of known keys; ``wrong``: a line on each that cannot be."""

    values: dict[str, str]
    wrong: list[str]


class Settings(Struct, frozen=True):
    """What counts. An empty text: told nowhere."""

    role: Role = "host"
    url: str = ""
    token: str = ""
    name: str = ""
    zone: str = ""
    advertise: str = ""
    ports: str = ""

    @property
    def lacking(self) -> list[str]:
        """What somebody must still say before this server can join; a Manager has its own file."""
        if self.role == "manager":
            return []
        return [key for key in ("url", "token") if not getattr(self, key)]


def words(cmdline: str) -> list[str]:
    """Return the words of a kernel command line; double quotes hold blanks and fall away."""
    return [word.replace('"', "") for word in _WORD.findall(cmdline)]


def from_cmdline(cmdline: str) -> Found:
    """Return the ``headroom.KEY=VALUE`` words. Of a key told twice the last one counts."""
    told = [word.removeprefix(_PREFIX) for word in words(cmdline) if word.startswith(_PREFIX)]
    pairs = [word.partition("=") for word in told]
    return checked({key: value for key, _, value in pairs}, _PREFIX)


def from_table(table: Mapping[str, Any], place: str) -> Found:
    """Return what a table of ``headroom.toml`` says; ``place`` names it in what is wrong."""
    return checked(table, f"{place}: ")


def checked(told: Mapping[str, Any], before: str) -> Found:
    """Sort what was told into values that can be and lines on the others. Tokens are not quoted."""
    values: dict[str, str] = {}
    wrong: list[str] = []
    for key, value in told.items():
        why = _wrong(key, value)
        if why:
            wrong.append(f"{before}{key[:40]}: {why}")
        elif value:
            values[key] = value
    return Found(values, wrong)


def _wrong(key: str, value: Any) -> str:
    if key not in KEYS:
        return f"not one of {', '.join(KEYS)}"
    if not isinstance(value, str):
        return "not a text"
    if len(value) > VALUE_MAX or not (value.isascii() and value.isprintable()):
        return f"more than {VALUE_MAX} characters, or some that cannot be printed"
    if key == "role" and value not in ROLES:
        return f"not one of {', '.join(ROLES)}"
    if key == "url" and value:
        return _no_urls(value)
    if key == "advertise" and value and _nobody_else_reaches(value):
        return "not an address at which others reach this server"
    return ""


def _no_urls(text: str) -> str:
    if not all(_URL.fullmatch(url) for url in text.split(",") if url):
        return "not ws://HOST... or wss://HOST..."
    try:
        listed(text)
    except ValueError as error:
        return str(error)
    return ""


def _nobody_else_reaches(address: str) -> bool:
    """A host listens at its advertised address alone if it has it, as with the loopback one."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address.lower() == "localhost"
    plain = getattr(ip, "ipv4_mapped", None) or ip
    return bool(plain.is_loopback or plain.is_unspecified)


def merged(*places: Found) -> Settings:
    """Return what counts when each of ``places`` goes before the next."""
    values: dict[str, Any] = {}
    for place in reversed(places):
        values |= place.values
    return Settings(**values)
