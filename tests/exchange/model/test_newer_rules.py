"""Rules newer than rows: refused live, accepted in a row that is replayed."""

from collections.abc import Callable

import msgspec
import pytest

from exchange.model import newer_rules
from exchange.model.config import default_config
from exchange.model.state import State
from exchange.units import MAX_INT
from exchange.wire.requests import HostAnnounce, VmStart
from exchange.wire.results import Refused
from exchange.wire.types import Capacity

START = VmStart(req_id=1, lease_id="l-1", name="web", image="0" * 64, ports=[22, 80])
ROOM = Capacity(4000, 8192, 10_240)
HOST = HostAnnounce(
    req_id=1,
    capacity=ROOM,
    offered=ROOM,
    classes=["nano"],
    accel="kvm",
    boot_id="b",
    cpu_model="c",
    agent_version="1",
)


def more(name: str) -> HostAnnounce:
    offered = msgspec.structs.replace(ROOM, **{name: getattr(ROOM, name) + 1})
    return msgspec.structs.replace(HOST, offered=offered)


def start(ports: list[int] | None) -> VmStart:
    return msgspec.structs.replace(START, ports=ports)


RULES: list[tuple[Callable[[State], Refused | None], str | None]] = [
    (lambda state: newer_rules.one_endpoint_a_port(state, START), None),
    (lambda state: newer_rules.one_endpoint_a_port(state, start(None)), None),
    (lambda state: newer_rules.one_endpoint_a_port(state, start([22, 80, 22])), "ports"),
    (lambda state: newer_rules.offer_within_capacity(state, HOST), None),
    (lambda state: newer_rules.offer_within_capacity(state, more("mvcpu")), "offered.mvcpu"),
    (lambda state: newer_rules.offer_within_capacity(state, more("mem_mib")), "offered.mem_mib"),
    (lambda state: newer_rules.offer_within_capacity(state, more("disk_mib")), "offered.disk_mib"),
    (lambda state: newer_rules.money_within_bounds(state, MAX_INT), None),
    (lambda state: newer_rules.money_within_bounds(state, MAX_INT + 1), "amount_ucr"),
]


@pytest.mark.parametrize(("rule", "field"), RULES)
def test_a_newer_rule_refuses_live_and_no_row(
    rule: Callable[[State], Refused | None], field: str | None
) -> None:
    state = State(default_config())
    refused = rule(state)
    assert (refused.field if refused else None) == field
    state.replaying = True
    assert rule(state) is None
