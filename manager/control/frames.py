"""What a running Manager answers and shows over its control socket.

A reader should skip fields and types that it does not know. Money is in millionths of a credit
(``_ucr``), times are UTC milliseconds (``_ms``). Pure. Source: control.md, "Frames and rows".
"""

from typing import Any, Literal, TypeAlias

from msgspec import Struct

from manager.core.unit import UnitState

ControlReason: TypeAlias = Literal[
    "parse_error",
    "unknown_type",
    "invalid_field",
    "line_too_long",
    "busy",
    "unknown_rule",
    "unknown_vm",
    "unknown_group",
    "vm_exists",
    "in_use",
    "not_allowed",
    "not_supported",
    "config_invalid",
    "needs_restart",
    "file_error",
    "too_large",
    "exchange_gone",
    "refused",
    "internal",
]
"""Why a request is refused: a closed set."""

RuleStand: TypeAlias = Literal[
    "ready", "holding", "cooling", "paused", "backing_off", "stopped", "blocked"
]
AlertKind: TypeAlias = Literal[
    "fired",
    "bought",
    "not_found",
    "limited",
    "budget_80",
    "budget_100",
    "recalled",
    "lost",
    "vm_failed",
    "rule_stopped",
    "balancer_gone",
    "exchange_gone",
    "load_gone",
]


class Frame(Struct, tag_field="type", frozen=True, omit_defaults=True):
    """Base of what the Manager sends."""


class Ack(Frame, tag="ack", frozen=True):
    """The request was done."""

    req_id: int
    result: Any = None


class ErrorReply(Frame, tag="error", frozen=True):
    """The request changed nothing. ``req_id`` is 0 when the line could not be read."""

    req_id: int
    reason: ControlReason
    message: str
    field: str | None = None


class LoadRow(Struct, frozen=True, omit_defaults=True):
    """The farm: its load, and what serves it. ``util_pct`` is missing without a load.

    ``needed``: some rule acts by the load.
    """

    unit_rps: float
    core_units: int
    load_rps: float | None = None
    util_pct: float | None = None
    ready: int = 0
    pending: int = 0
    paid: int = 0
    stale: bool = False
    online: bool = False
    buying: bool = True
    needed: bool = True


class SpendRow(Struct, frozen=True, omit_defaults=True):
    """What the whole account was charged in this UTC day and month, and what it may be.

    A limit is the lower one of ``[spend]`` and ``--max-spend``.
    """

    day_ucr: int = 0
    month_ucr: int = 0
    day_limit_ucr: int | None = None
    month_limit_ucr: int | None = None


class RuleRow(Struct, frozen=True, omit_defaults=True):
    """A rule: since when its condition holds, what it still needs, and what holds it back.

    ``fallback``: classes that it buys when its own is not to be had. ``ahead``: unit-hours of
    windows that it has bought and that are not over.
    """

    name: str
    when: str
    do: str
    state: RuleStand
    since_ms: int | None = None
    until_ms: int | None = None
    needs: list[str] = []
    blocked_by: list[str] = []
    fired_ms: int | None = None
    units: int = 0
    spent_ucr: int = 0
    held_ucr: int = 0
    budget_day_ucr: int | None = None
    spent_month_ucr: int = 0
    budget_month_ucr: int | None = None
    fallback: list[str] = []
    ahead: int = 0


class UnitRow(Struct, frozen=True, omit_defaults=True):
    """A unit and its step; ``vm`` is what runs on it, by the name the exchange knows."""

    unit: str
    lease_id: str
    host: str
    price_ucr: int
    state: UnitState
    vm: str = ""
    address: str = ""
    port: int = 0
    joined_ms: int = 0
    ending: bool = False
    silent: bool = False
    symbol: str = ""


class OrderRow(Struct, frozen=True, omit_defaults=True):
    """An order under way. ``coming``: units that it may still bring."""

    client_order_id: str
    symbol: str
    price_ucr: int
    coming: int
    rests: bool = False


class BurstRow(Struct, frozen=True, omit_defaults=True):
    """What one rule, or the administrator by hand, has rented and ordered."""

    name: str
    vm: str
    by_hand: bool = False
    hour_ucr: int = 0
    units: list[UnitRow] = []
    orders: list[OrderRow] = []


class VmRow(Struct, frozen=True, omit_defaults=True, rename={"vm_class": "class"}):
    """A stored VM; ``image`` is the SHA-256 in the exchange's store.

    ``upload_percent`` and ``upload_left_s``: of an upload under way. ``used_ms``: when a unit last
    had it, if none has it now and this Manager has seen it.
    """

    name: str
    vm_class: str
    image: str = ""
    ports: list[int] = []
    health: str = ""
    backend: str = ""
    units: int = 0
    upload_percent: int | None = None
    upload_left_s: int | None = None
    used_ms: int | None = None


class AskRow(Struct, frozen=True, omit_defaults=True):
    """An ask of a group that stands in the book."""

    symbol: str
    units: int
    price_ucr: int


class GroupRow(Struct, frozen=True, omit_defaults=True):
    """A group of own servers and what it offers; ``members`` are the ids of its hosts.

    ``idle``: why it has no asks now.
    """

    name: str
    offer: str
    hosts: int = 0
    asks: list[AskRow] = []
    trouble: str = ""
    members: list[str] = []
    idle: str = ""


class WantedRow(Struct, frozen=True, omit_defaults=True):
    """An ask that an offer would make on ``hosts`` servers together. ``price_ucr`` is missing as
    long as it goes by a book that the Manager has not read; ``opens_ms``: not before that time."""

    symbol: str
    units: int
    hosts: int
    price_ucr: int | None = None
    opens_ms: int | None = None


class OfferShown(Struct, frozen=True, omit_defaults=True):
    """An offer's keys as in the file, the asks it would make, in words what holds others back."""

    offer: dict[str, Any]
    asks: list[WantedRow] = []
    notes: list[str] = []


class AlertRow(Struct, frozen=True, omit_defaults=True):
    """Something the administrator was told; ``number`` grows."""

    number: int
    at_ms: int
    kind: AlertKind
    text: str


class Snapshot(Frame, tag="snapshot", frozen=True):
    """Everything, as of ``at_ms``."""

    at_ms: int
    load: LoadRow
    rules: list[RuleRow] = []
    bursts: list[BurstRow] = []
    library: list[VmRow] = []
    groups: list[GroupRow] = []
    alerts: list[AlertRow] = []
    spend: SpendRow = SpendRow()


class Change(Frame, tag="change", frozen=True):
    """What is new since the frame before: whole rows, and by table the keys that are gone."""

    at_ms: int
    load: LoadRow | None = None
    rules: list[RuleRow] = []
    bursts: list[BurstRow] = []
    library: list[VmRow] = []
    groups: list[GroupRow] = []
    alerts: list[AlertRow] = []
    gone: dict[str, list[str]] = {}
    spend: SpendRow | None = None


ControlFrame: TypeAlias = Ack | ErrorReply | Snapshot | Change
