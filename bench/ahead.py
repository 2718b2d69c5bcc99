"""What it costs the Manager to decide while its rules buy windows ahead. CPU time.

All units run in windows of the hour, and the hours of a day ahead are listed and bought: nothing is
left to do, and each second's figure has all of it looked at.
"""

import time
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from bench import manager
from bench.measure import collector_held
from bench.report import Figure
from exchange.units import MS_PER_HOUR
from exchange.wire.frames import InstrumentUpdate, LeaseUpdate
from manager.core.core import Manager
from manager.core.farm import ManagerConfig
from manager.core.messages import Connected, LoadSample, ManagerMessage
from manager.core.rule import Rule, parse
from manager.core.rule_text import RuleText
from manager.core.windows import GATE_MS, window_ms, window_symbol

HOURS: Final = 24
"""Listed ahead of the running one."""
PLACE: Final = ("small", "eu-de", "flat")
BEGAN_MS: Final = manager.START_MS // MS_PER_HOUR * MS_PER_HOUR


def figures() -> list[Figure]:
    """Return the share of a core that deciding takes at a figure a second."""
    name = f"share of a core, {manager.HOSTS:,} hosts, {manager.RULES} rules that buy ahead, 1 s"
    return [Figure(manager.FLOW, name, _percent(), "%", minimum=3, at_most=True)]


def _percent() -> float:
    core, start_ms = decided(), manager.START_MS
    assert core.reading().ready == manager.HOSTS, core.reading()
    with collector_held():
        began = time.process_time()
        for second in range(1, manager.SECONDS + 1):
            at_ms = start_ms + second * 1_000
            core.apply(LoadSample(manager.HOSTS * manager.UNIT_RPS * 0.9, at_ms), at_ms)
        return 100 * (time.process_time() - began) / manager.SECONDS


def decided() -> Manager:
    """Return a Manager whose units are in service and whose hours are bought."""
    config = ManagerConfig(
        rules=tuple(_rule(n) for n in range(manager.RULES)),
        library=[manager.VM],
        vm_class="small",
        zone="eu-de",
        unit_rps=manager.UNIT_RPS,
        core_units=0,
    )
    core = Manager(config)
    for message in in_windows():
        core.apply(message, manager.START_MS)
    return core


def _each() -> int:
    return manager.HOSTS // manager.RULES


def _rule(number: int) -> Rule:
    text: dict[str, Any] = {
        "name": f"rule-{number}",
        "at": "Mon-Sun 00:00-24:00",
        "do": f"buy {_each()}",
        "price_max": 0.1,
        "max_units": manager.HOSTS,
        "forward": True,
    }
    return parse(msgspec.convert(text, RuleText))


def in_windows() -> list[ManagerMessage]:
    """Return what logs in to such an account: listed hours first."""
    symbols = [window_symbol(*PLACE, BEGAN_MS + n * MS_PER_HOUR) for n in range(HOURS + 1)]
    listed = [_listed(symbol) for symbol in symbols[1:]]
    connected, *ready = manager.in_service(manager.HOSTS)
    assert isinstance(connected, Connected)
    running = [
        replace(row, symbol=symbols[0], client_order_id=_order(n % manager.RULES))
        for n, row in enumerate(connected.leases)
    ]
    coming = [
        replace(running[rule], lease_id=f"l-{hour}00{rule}", symbol=symbol, units=_each())
        for hour, symbol in enumerate(symbols[1:], manager.HOSTS)
        for rule in range(manager.RULES)
    ]
    leases: list[LeaseUpdate] = [*running, *coming]
    return [*listed, replace(connected, leases=leases), *ready]


def _listed(symbol: str) -> InstrumentUpdate:
    class_name, zone, pricing, delivery = symbol.split(".")
    gate_ms = window_ms(symbol) - GATE_MS
    terms = (class_name, zone, "DE", pricing, delivery)
    return InstrumentUpdate(symbol, "open", 100, *terms, gate_ms=gate_ms)


def _order(rule: int) -> str:
    return f"rule/rule-{rule}/{manager.START_MS - 1}-w1"
