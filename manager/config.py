"""manager.toml, version 1: what an administrator owns, stores and automates. Shell.

Every table is decoded strictly and by itself, so that `read_config` can name each mistake by its
place instead of stopping at the first. What a later version brings is refused by name. Source:
manager.md.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from exchange.wire import MAX_USER_DATA_CHARS, Name, Port, Sha256Hex
from manager.core import DEFAULT_STALE_MS, ManagerConfig
from manager.flap import flap_warnings
from manager.image_dir import image_mistake
from manager.library import StoredVm, find
from manager.rule import Rule, RuleError, RuleText, parse

NOT_YET: Final = "not supported yet in this version"
FILE_BYTES_MAX: Final = 1024 * 1024


class ConfigError(Exception):
    """manager.toml cannot be used; ``lines`` has one mistake each, naming its place."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all tables: a wrong key is a mistake."""


class ExchangeTable(Table, frozen=True):
    url: str
    key: str


class VmTable(Table, frozen=True):
    """``name`` is short because a VM is called NAME-LEASE-NUMBER on the wire."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,32}\Z")]
    image: str
    vm_class: Name = msgspec.field(name="class")
    ports: Annotated[list[Port], Meta(max_length=16)] = []
    health: Annotated[str, Meta(pattern=r"^(/[\x21-\x7e]*)?\Z")] = ""
    user_data: str | None = None
    cmdline: str | None = None
    allow_from: list[Name] | None = None
    backend: str = ""


class BalancerTable(Table, frozen=True):
    kind: Literal["memory", "haproxy"] = "memory"
    socket: str | None = None


class LoadTable(Table, frozen=True):
    """``value / per_s`` is requests per second; ``column`` names it in a trace of a dry run."""

    unit_rps: Annotated[float, Meta(gt=0)]
    core_units: Annotated[int, Meta(ge=0, le=10**6)] = 0
    kind: Literal["json", "haproxy", "prometheus"] = "json"
    url: str | None = None
    field: str = ""
    per_s: Annotated[float, Meta(gt=0)] = 1.0
    interval_s: Annotated[float, Meta(ge=0.1, le=3600)] = 5.0
    stale_s: Annotated[float, Meta(ge=1, le=86_400)] = DEFAULT_STALE_MS / 1000
    column: str | None = None
    backend: str = ""


class ConfigFile(Struct, frozen=True, kw_only=True):
    """The whole file, checked. Paths in it are relative to ``base``."""

    base: Path
    rules: tuple[Rule, ...]
    vms: tuple[VmTable, ...]
    exchange: ExchangeTable | None
    balancer: BalancerTable
    load: LoadTable | None
    warnings: list[str]


TABLES: Final[dict[str, Any]] = {
    "exchange": ExchangeTable,
    "balancer": BalancerTable,
    "load": LoadTable,
}
LISTS: Final[dict[str, Any]] = {"vm": VmTable, "rule": RuleText}


def read_config(path: Path, rules_only: bool = False) -> ConfigFile:
    """Return the file at ``path``. Raises `ConfigError` with every mistake.

    ``rules_only``: for a dry run, which needs the rules and nothing to run them with.
    """
    raw = _toml(path)
    mistakes: list[str] = []
    found: dict[str, Any] = {}
    for place, value, kind in _parts(raw, mistakes):
        try:
            found[place] = msgspec.convert(value, kind)
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
        base=path.parent,
        rules=tuple(rules),
        vms=tuple(part for part in found.values() if isinstance(part, VmTable)),
        exchange=found.get("exchange"),
        balancer=found.get("balancer", BalancerTable()),
        load=found.get("load"),
        warnings=[]
        if found.get("load") is None
        else flap_warnings(rules, found["load"].core_units),
    )
    if not mistakes:
        mistakes += _contradictions(file, rules_only)
    if mistakes:
        raise ConfigError([f"{path.name}: {mistake}" for mistake in mistakes])
    return file


def manager_config(
    file: ConfigFile, images: dict[str, str], user_data: dict[str, str]
) -> ManagerConfig:
    """Return what the core needs; ``images`` gives each stored VM's SHA-256 by its name."""
    assert file.load is not None, "checked when the file was read"
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
        unit_rps=file.load.unit_rps,
        core_units=file.load.core_units,
        stale_ms=int(file.load.stale_s * 1000),
    )


def read_user_data(file: ConfigFile) -> dict[str, str]:
    """Return the text of each stored VM's user data. Raises `ConfigError`."""
    texts: dict[str, str] = {}
    for vm in file.vms:
        if vm.user_data is not None:
            path = file.base / vm.user_data
            try:
                texts[vm.name] = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError([f"vm {vm.name!r}: user_data: {path}: {error}"]) from error
            if len(texts[vm.name]) > MAX_USER_DATA_CHARS:
                raise ConfigError([f"vm {vm.name!r}: user_data: {path}: longer than 16 KiB"])
    return texts


def _toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.loads(file.read(FILE_BYTES_MAX).decode("utf-8"))
    except OSError as error:
        raise ConfigError([f"{path}: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: {error}"]) from error


def _parts(raw: dict[str, Any], mistakes: list[str]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (place, value, type) of every table; what cannot be one goes to ``mistakes``."""
    if raw.get("schema") != 1:
        mistakes.append("schema: must be 1")
    for key, value in raw.items():
        if key in TABLES:
            yield key, value, TABLES[key]
        elif key in LISTS and isinstance(value, list):
            for index, element in enumerate(value):
                yield f"{key}[{index}]", element, LISTS[key]
        elif key in LISTS:
            mistakes.append(f"{key}: written as [[{key}]], once for each")
        elif key == "group":
            mistakes.append(f"group: {NOT_YET}")
        elif key != "schema":
            mistakes.append(f"{key}: unknown key")


def _line(place: str, message: str) -> str:
    text, _, where = message.partition(" - at `$")
    text = text.replace("Object contains unknown field", "unknown key")
    text = text.replace("Object missing required field", "missing key")
    return f"{place}{where.rstrip('`')}: {text[:1].lower()}{text[1:]}".replace("`", "'")


def _contradictions(file: ConfigFile, rules_only: bool) -> Iterator[str]:
    for kind, names in (
        ("rule", [rule.name for rule in file.rules]),
        ("vm", [vm.name for vm in file.vms]),
    ):
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            yield f"{kind}: the name {name!r} is used more than once"
    if not rules_only:
        yield from _missing(file)
        for index, rule in enumerate(file.rules):
            yield from _not_runnable(file, rule, f"rule[{index}]")
        for index, vm in enumerate(file.vms):
            mistake = image_mistake(vm.image, file.base)
            if mistake:
                yield f"vm[{index}].image: {mistake}"


def _missing(file: ConfigFile) -> Iterator[str]:
    if file.balancer.kind != "memory":
        yield f"balancer.kind: {file.balancer.kind!r} is {NOT_YET}; 'memory' is"
    if file.load is None:
        yield "load: missing; without it no rule can tell the farm's load"
    elif file.load.kind != "json":
        yield f"load.kind: {file.load.kind!r} is {NOT_YET}; 'json' is"
    elif not (file.load.url or "").startswith(("http://", "https://")):
        yield "load.url: must be an http:// or https:// address"
    if not file.rules:
        yield "rule: there is none"


def _not_runnable(file: ConfigFile, rule: Rule, place: str) -> Iterator[str]:
    library = [StoredVm(name=vm.name, image="", vm_class=vm.vm_class) for vm in file.vms]
    if rule.vm is not None and find(library, rule.vm) is None:
        yield f"{place}.vm: there is no [[vm]] named {rule.vm!r}"
    elif rule.buys and find(library, rule.vm) is None:
        yield f"{place}.vm: say which of the {len(library)} stored VMs it runs"
    if rule.buys and not rule.zones:
        yield f"{place}.zones: missing; where to buy, for example ['eu-de']"
