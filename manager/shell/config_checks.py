"""Checks of manager.toml across its tables: contradictions and missing things. Shell.

Every mistake is one line that names its place; a file is named by its path as `headroom` was given
it. What only the exchange knows (whether a zone exists, what a class is called) is not judged.
"""

import ipaddress
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from exchange import files
from exchange.keys import KeyFileError, load_private_key
from exchange.wire.types import MAX_USER_DATA_CHARS
from exchange.wire.urls import listed
from manager.core.classes import fallback_mistakes
from manager.core.library import StoredVm, find
from manager.core.rule import Rule
from manager.shell.config_file import AlertsTable, ConfigFile, LoadTable, Purpose, VmTable
from manager.shell.group_tables import group_mistakes
from manager.shell.haproxy_load import METRICS
from manager.shell.haproxy_runtime import WORD
from manager.shell.image_dir import image_mistake

USER_DATA_BYTES_MAX: Final = 4 * MAX_USER_DATA_CHARS
_SYMBOL_PART: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
"""What a zone or class is called: it stands between the dots of a symbol."""


def contradictions(file: ConfigFile, purpose: Purpose) -> Iterator[str]:
    """Yield a line for every mistake, as far as it matters for ``purpose``."""
    for kind, names in (
        ("rule", [rule.name for rule in file.rules]),
        ("vm", [vm.name for vm in file.vms]),
        ("group", [group.name for group in file.groups]),
    ):
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            yield f"{kind}: the name {name!r} is used more than once"
    if purpose == "dry-run":
        return
    yield from _missing(file)
    for index, rule in enumerate(file.rules):
        yield from _not_runnable(file, rule, f"rule[{index}]")
    for index, group in enumerate(file.groups):
        yield from group_mistakes(group, f"group[{index}]")
    for index, vm in enumerate(file.vms):
        yield from _not_startable(file, vm, f"vm[{index}]")
    if purpose == "check":
        yield from _not_readable(file)


def user_data_text(path: Path) -> str:
    """Return a stored VM's user data. Raises `ValueError` saying what is wrong with the file."""
    try:
        text = files.read(path, USER_DATA_BYTES_MAX).decode("utf-8")
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text") from error
    if len(text) > MAX_USER_DATA_CHARS:
        raise ValueError(f"{path}: longer than {MAX_USER_DATA_CHARS} characters")
    return text


def _not_readable(file: ConfigFile) -> Iterator[str]:
    if file.exchange is not None:
        try:
            load_private_key(file.base / file.exchange.key)
        except KeyFileError as error:
            yield f"exchange.key: {error}"
    for index, vm in enumerate(file.vms):
        if vm.user_data is not None:
            try:
                user_data_text(file.base / vm.user_data)
            except ValueError as error:
                yield f"vm[{index}].user_data: {error}"


def _not_startable(file: ConfigFile, vm: VmTable, place: str) -> Iterator[str]:
    if mistake := image_mistake(vm.image, file.base):
        yield f"{place}.image: {mistake}"
    if file.balancer.kind == "haproxy" and vm.ports and not WORD.match(vm.backend):
        yield f"{place}.backend: {vm.backend!r} is no backend of HAProxy"
    if not _SYMBOL_PART.match(vm.vm_class):
        yield f"{place}.class: {_no_name(vm.vm_class)}"
    for at, network in enumerate(vm.allow_from or []):
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            yield f"{place}.allow_from[{at}]: {network!r} is no network like '203.0.113.0/24'"


def _no_name(text: str) -> str:
    return f"{text!r} is no name: 1 to 64 letters, digits, '-' and '_'"


def _is_address(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _missing(file: ConfigFile) -> Iterator[str]:
    if file.exchange is not None:
        yield from _no_exchange(file.exchange.url)
    if file.balancer.kind == "haproxy" and not file.balancer.socket:
        yield "balancer.socket: missing; the path of HAProxy's 'stats socket ... level admin'"
    yield from _no_alerts(file.alerts)
    if file.rules or file.load is not None or not file.groups:
        yield from _no_load(file)
    if not file.rules and not file.groups:
        yield "rule: there is none, and no group"


def _no_exchange(url: str) -> Iterator[str]:
    try:
        listed(url)
    except ValueError as error:
        yield f"exchange.url: {error}"


def _no_alerts(alerts: AlertsTable | None) -> Iterator[str]:
    if alerts is None:
        return
    if (alerts.command is None) == (alerts.webhook is None):
        yield "alerts.command: either a command or a webhook"
    elif alerts.webhook is not None and not _is_address(alerts.webhook, ("http", "https")):
        yield "alerts.webhook: must be an http:// or https:// address"
    elif alerts.command is not None and not _splits(alerts.command):
        yield f"alerts.command: {alerts.command!r} has a quote without its other half"


def _splits(command: str) -> bool:
    try:
        return bool(shlex.split(command))
    except ValueError:
        return False


def _no_load(file: ConfigFile) -> Iterator[str]:
    load = file.load
    if load is None:
        yield "load: missing; without it no rule can tell the farm's load"
    elif load.kind == "haproxy":
        yield from _no_haproxy_load(load, file.balancer.socket)
    elif not _is_address(load.url or "", ("http", "https")):
        yield "load.url: must be an http:// or https:// address"
    elif load.kind == "prometheus" and load.metric and load.query:
        yield "load.query: either a query, or the metric of a page"
    elif load.kind == "prometheus" and not _asks(load):
        yield "load.query: missing; PromQL that gives one number, or the metric of a page"


def _asks(load: LoadTable) -> bool:
    return bool(load.metric or load.query) or "query=" in (load.url or "")


def _no_haproxy_load(load: LoadTable, socket: str | None) -> Iterator[str]:
    if not (load.socket or socket):
        yield "load.socket: missing; the path of HAProxy's 'stats socket'"
    if not WORD.match(load.backend):
        yield "load.backend: missing; the backend of HAProxy whose load counts"
    if load.metric not in ("", *METRICS):
        yield f"load.metric: {load.metric!r} is none of {', '.join(METRICS)}"


def _not_runnable(file: ConfigFile, rule: Rule, place: str) -> Iterator[str]:
    library = [StoredVm(name=vm.name, image="", vm_class=vm.vm_class) for vm in file.vms]
    if rule.vm is not None and find(library, rule.vm) is None:
        yield f"{place}.vm: there is no [[vm]] named {rule.vm!r}"
    elif rule.buys and find(library, rule.vm) is None:
        yield f"{place}.vm: say which of the {len(library)} stored VMs it runs"
    if rule.buys and not rule.zones:
        yield f"{place}.zones: missing; where to buy, for example ['eu-de']"
    for at, zone in enumerate(rule.zones):
        if not _SYMBOL_PART.match(zone):
            yield f"{place}.zones[{at}]: {_no_name(zone)}"
    vm = find(library, rule.vm)
    for name in rule.fallback:
        if not _SYMBOL_PART.match(name):
            yield f"{place}.fallback_class: {_no_name(name)}"
    if vm is not None:
        for mistake in fallback_mistakes(vm.vm_class, rule.fallback):
            yield f"{place}.fallback_class: {mistake}"
