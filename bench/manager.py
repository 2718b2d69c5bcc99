"""What it costs the Manager to decide: rules of all kinds, a unit on each of many hosts. CPU time.

Each second brings a load figure and the rules are evaluated, as the daemon does it. The baseline is
the same loop through a Manager that has no rules and no units.
"""

import time
from typing import Any, Final

import msgspec

from bench.measure import collector_held
from bench.report import Figure
from exchange.wire.frames import LeaseUpdate, VmUpdate
from exchange.wire.types import Endpoint
from manager.core.core import Manager
from manager.core.farm import ManagerConfig
from manager.core.library import StoredVm
from manager.core.messages import BackendReady, Connected, LoadSample, ManagerMessage
from manager.core.rule import Rule, parse
from manager.core.rule_text import RuleText

FLOW: Final = "the Manager decides"
HOSTS: Final = 1_000
RULES: Final = 50
SECONDS: Final = 300
START_MS: Final = 1_795_000_000_000
UNIT_RPS: Final = 100.0
VM: Final = StoredVm(name="web", image="0" * 64, vm_class="small", ports=(80,))


def figures() -> list[Figure]:
    """Return the share of a core that deciding takes at a figure a second."""
    share, least = _percent(rules_of_every_kind(), HOSTS), _percent((), 0)
    name = f"share of a core, {HOSTS:,} hosts, {RULES} rules, 1 s"
    return [
        Figure(FLOW, name, share, "%", minimum=3, at_most=True),
        Figure(FLOW, "share of a core, no rules and no units", least, "%"),
    ]


def rules_of_every_kind() -> tuple[Rule, ...]:
    """Return rules of every kind that watch and have no reason to act."""
    wait = {"price_max": 0.1, "max_units": HOSTS}
    kinds: list[dict[str, Any]] = [
        {"when": "util > 95 for 5m", "do": "buy 4", **wait},
        {"when": ["util < 5 for 10m", "load < 10"], "do": "release 2"},
        {"at": "Mon-Fri 08:00-18:00", "do": "buy to 4", "timezone": "Europe/Berlin", **wait},
        {"track": {"target": 90}, **wait},
        {"predict": {"target": 90, "window": "10m"}, **wait},
    ]
    texts = [{"name": f"rule-{n}", **kinds[n % len(kinds)]} for n in range(RULES)]
    return tuple(parse(msgspec.convert(text, RuleText)) for text in texts)


def _percent(rules: tuple[Rule, ...], hosts: int) -> float:
    config = ManagerConfig(
        rules=rules,
        library=[VM],
        vm_class="small",
        zone="eu-de",
        unit_rps=UNIT_RPS,
        core_units=0,
    )
    manager = Manager(config)
    for message in in_service(hosts):
        manager.apply(message, START_MS)
    assert manager.reading().ready == hosts, manager.reading()
    with collector_held():
        began = time.process_time()
        for second in range(1, SECONDS + 1):
            at_ms = START_MS + second * 1_000
            # Every unit at 90 %, a little up and down.
            load_rps = HOSTS * UNIT_RPS * (0.9 + second % 7 / 200)
            manager.apply(LoadSample(load_rps, at_ms), at_ms)
        return 100 * (time.process_time() - began) / SECONDS


def in_service(hosts: int) -> list[ManagerMessage]:
    """Return what logs in to an account with a unit in service on each of ``hosts``."""
    name, symbol = f"rule/rule-0/{START_MS - 1}-1", "small.eu-de.flat.spot"
    leases = [
        LeaseUpdate(
            *(0, 0, START_MS, f"l-{n}", f"t-{n}", symbol, "buy", f"h-{n}", 1, 20_000),
            *("active", START_MS, 0, name),
        )
        for n in range(hosts)
    ]
    vms = [
        VmUpdate(
            *(0, 0, START_MS, f"v-{n}", f"l-{n}", f"web-l-{n}-0", "running"),
            [Endpoint(80, "192.0.2.1", 80)],
            ready_ms=START_MS,
        )
        for n in range(hosts)
    ]
    ready = [BackendReady(f"l-{n}-0") for n in range(hosts)]
    return [Connected(0, [], leases, vms), *ready]
