"""manager.toml, version 1: what an administrator owns, stores and automates. Shell.

Every table is decoded strictly and by itself, so that `read_config` can name each mistake by its
place instead of stopping at the first. What a later version brings is refused by name.
Source: manager.md, "manager.toml".
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from exchange import files
from exchange.units import ucr_from_credits
from exchange.wire.address import ip_of
from exchange.wire.types import Sha256Hex
from manager.core.budget import Spend
from manager.core.burst import STOP_GRACE_MS
from manager.core.farm import DEFAULT_STALE_MS, ManagerConfig
from manager.core.flap import flap_warnings
from manager.core.library import StoredVm
from manager.core.rule import Rule, parse
from manager.core.rule_text import RuleError, RuleText
from manager.shell.config_checks import contradictions, user_data_text
from manager.shell.config_file import (
    AlertsTable,
    BalancerTable,
    ConfigFile,
    ExchangeTable,
    LoadTable,
    Purpose,
    SpendTable,
    VmTable,
)
from manager.shell.group_tables import GroupTable
from manager.shell.stored import LibraryError, vm_defaults

SPARE_MS: Final = 5_000
"""What a recalled unit has left of its notice when it has drained and stopped."""
FILE_BYTES_MAX: Final = 1024 * 1024


class ConfigError(Exception):
    """manager.toml cannot be used; ``lines`` has one mistake each, naming its place."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class UnreadableError(ConfigError):
    """There is no such file, or it cannot be read."""


TABLES: Final[dict[str, Any]] = {
    "exchange": ExchangeTable,
    "balancer": BalancerTable,
    "load": LoadTable,
    "spend": SpendTable,
    "alerts": AlertsTable,
}
SWITCHES: Final = ("buying", "hibernate")
"""Keys at the top, true or false."""
LISTS: Final[dict[str, Any]] = {"group": GroupTable, "vm": VmTable, "rule": RuleText}


def read_config(path: Path, purpose: Purpose = "run") -> ConfigFile:
    """Return the file at ``path``. Raises `ConfigError` with every mistake.

    A dry run needs the rules and nothing to run them with; a check looks also at what `run` reads
    later or may be told otherwise: the key and the user data.
    """
    raw = _toml(path)
    mistakes: list[str] = []
    found: dict[str, Any] = {}
    for place, value, kind in _parts(raw, mistakes):
        try:
            found[place] = msgspec.convert(_whole(value, kind, path.parent), kind)
        except msgspec.ValidationError as error:
            mistakes.append(_line(place, str(error)))
    rules: list[Rule] = []
    for place, part in found.items():
        if isinstance(part, RuleText):
            try:
                rules.append(parse(part))
            except RuleError as error:
                mistakes.append(f"{place}.{error}")
    file = ConfigFile(
        path=path,
        rules=tuple(rules),
        groups=tuple(part for part in found.values() if isinstance(part, GroupTable)),
        vms=tuple(part for part in found.values() if isinstance(part, VmTable)),
        exchange=found.get("exchange"),
        balancer=found.get("balancer", BalancerTable()),
        spend=found.get("spend", SpendTable()),
        load=found.get("load"),
        alerts=found.get("alerts"),
        hibernate=raw.get("hibernate") is True,
        buying=raw.get("buying", True) is True,
        warnings=[]
        if found.get("load") is None
        else flap_warnings(rules, found["load"].core_units),
    )
    if not mistakes:
        mistakes += contradictions(file, purpose)
    if mistakes:
        raise ConfigError([f"{path}: {mistake}" for mistake in mistakes])
    return file


def manager_config(
    file: ConfigFile, images: dict[str, str], user_data: dict[str, str]
) -> ManagerConfig:
    """Return what the core needs; ``images`` gives each stored VM's SHA-256 by its name."""
    load = file.load
    zones = [zone for rule in file.rules for zone in rule.zones]
    return ManagerConfig(
        rules=file.rules,
        library=[
            StoredVm(
                name=vm.name,
                image=msgspec.convert(images[vm.name], Sha256Hex),
                vm_class=vm.vm_class,
                ports=tuple(vm.ports),
                health=vm.health,
                cmdline=vm.cmdline,
                user_data=user_data.get(vm.name),
                allow_from=None if vm.allow_from is None else tuple(vm.allow_from),
                backend=vm.backend,
            )
            for vm in file.vms
        ],
        vm_class=file.vms[0].vm_class if file.vms else "small",
        zone=zones[0] if zones else "",
        unit_rps=load.unit_rps if load else 1.0,
        core_units=load.core_units if load else 0,
        buying=file.buying,
        spend=Spend(_ucr(file.spend.day), _ucr(file.spend.month)),
        leave_ms=int(file.balancer.drain_s * 1000) + STOP_GRACE_MS + SPARE_MS,
        stale_ms=int(load.stale_s * 1000) if load else DEFAULT_STALE_MS,
    )


def on_this_machine(url: str) -> bool:
    """Tell whether the exchange at ``url`` is on this machine."""
    host = urlsplit(url).hostname or ""
    ip = ip_of(host)
    return host == "localhost" or (ip is not None and ip.is_loopback)


def _ucr(credits: float | None) -> int | None:
    return None if credits is None else ucr_from_credits(credits)


def read_user_data(file: ConfigFile) -> dict[str, str]:
    """Return the text of each stored VM's user data. Raises `ConfigError`."""
    texts: dict[str, str] = {}
    for index, vm in enumerate(file.vms):
        if vm.user_data is not None:
            path = file.base / vm.user_data
            try:
                texts[vm.name] = user_data_text(path)
            except ValueError as error:
                raise ConfigError([f"{file.path}: vm[{index}].user_data: {error}"]) from error
    return texts


def _toml(path: Path) -> dict[str, Any]:
    try:
        return files.toml(files.read(path, FILE_BYTES_MAX).decode("utf-8"))
    except OSError as error:
        raise UnreadableError([f"{path}: {error.strerror}"]) from error
    except ValueError as error:
        raise ConfigError([f"{path}: {error}"]) from error


def _parts(raw: dict[str, Any], mistakes: list[str]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (place, value, type) of every table; what cannot be one goes to ``mistakes``."""
    if raw.get("schema") != 1:
        mistakes.append("schema: must be 1")
    mistakes += [
        f"{key}: true or false" for key in SWITCHES if type(raw.get(key, True)) is not bool
    ]
    for key, value in raw.items():
        if key in TABLES:
            yield key, value, TABLES[key]
        elif key in LISTS and isinstance(value, list):
            for index, element in enumerate(value):
                yield f"{key}[{index}]", element, LISTS[key]
        elif key in LISTS:
            mistakes.append(f"{key}: written as [[{key}]], once for each")
        elif key not in ("schema", *SWITCHES):
            mistakes.append(f"{key}: unknown key")


def _whole(value: Any, kind: Any, base: Path) -> Any:
    """Add what a ``[[vm]]`` leaves to its entry in the library."""
    image = value.get("image") if kind is VmTable and isinstance(value, dict) else None
    if not isinstance(image, str) or "\0" in image:
        return value
    try:
        known = vm_defaults(base / image)
    except LibraryError:
        return value  # `image_mistake` says so
    if "user_data" in known:
        known["user_data"] = f"{image}/{known['user_data']}"
    return {**known, **value}


def _line(place: str, message: str) -> str:
    text, _, where = message.partition(" - at `$")
    text = text.replace("Object contains unknown field", "unknown key")
    text = text.replace("Object missing required field", "missing key")
    return f"{place}{where.rstrip('`')}: {text[:1].lower()}{text[1:]}".replace("`", "'")
