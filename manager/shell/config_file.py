"""The tables of manager.toml, version 1, each with its keys and their limits.

What a key means: manager.md, "manager.toml". `config` reads a file into them, `config_checks`
finds what they cannot say by themselves.
"""

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from exchange.wire.types import Name, Port
from manager.core.farm import DEFAULT_STALE_MS
from manager.core.rule import Rule
from manager.core.rule_text import BudgetCredits
from manager.shell.group_tables import GroupTable
from manager.shell.haproxy_balancer import CHECK, DRAIN_LIMIT_S

Purpose: TypeAlias = Literal["run", "check", "dry-run"]


"""What the file is read for; `config_checks.contradictions` says what each needs."""


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
    """``check``: how HAProxy checks a server of ours; ``drain_s``: how long a server may drain."""

    kind: Literal["memory", "haproxy"] = "memory"
    socket: str | None = None
    drain_s: Annotated[float, Meta(ge=0, le=100)] = DRAIN_LIMIT_S
    check: Annotated[str, Meta(pattern=r"^[a-z0-9 ]*\Z", max_length=128)] = CHECK


class SpendTable(Table, frozen=True):
    """Credits over the whole account, by UTC day and month."""

    day: BudgetCredits | None = None
    month: BudgetCredits | None = None


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
    socket: str | None = None
    backend: str = ""
    query: str = ""
    metric: str = ""
    labels: dict[str, str] = {}


class AlertsTable(Table, frozen=True):
    """``command``: argv, gets each alert as JSON on stdin; ``webhook``: gets it by POST."""

    command: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None
    webhook: str | None = None


class ConfigFile(Struct, frozen=True, kw_only=True):
    """The whole file, checked. Paths in it are relative to ``base``."""

    path: Path
    rules: tuple[Rule, ...]
    groups: tuple[GroupTable, ...]
    vms: tuple[VmTable, ...]
    exchange: ExchangeTable | None
    balancer: BalancerTable
    spend: SpendTable = SpendTable()
    load: LoadTable | None
    warnings: list[str]
    buying: bool = True
    hibernate: bool = False
    alerts: AlertsTable | None = None

    @property
    def base(self) -> Path:
        return self.path.parent
