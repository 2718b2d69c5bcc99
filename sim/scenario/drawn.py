"""Which faults a seed meets: those of the file, those of its failure traces, those it draws. Pure.

Each source has a random stream of its own, so that a scenario without random faults runs as it
always did, and leaving one fault of the file out does not change what is drawn.
Source: scenario.md, ``[random_faults]``.
"""

from collections.abc import Iterator
from math import ceil
from random import Random
from typing import Any, Final, get_args

from msgspec.structs import replace

from sim.scenario.fault_check import EXCHANGE, other_share
from sim.scenario.file import Loaded
from sim.scenario.outages import Outage
from sim.scenario.tables import (
    SECONDS_PER_HOUR,
    Fault,
    RandomFaults,
    RandomKind,
    Scenario,
    Span,
)

USUAL_S: Final[dict[RandomKind, Span]] = {
    "host_crash": (60, 1800),
    "partition": (10, 600),
    "price_spike": (60, 1800),
    "slow_boot": (60, 1800),
    "stale_metrics": (30, 600),
    "exchange_restart": (5, 300),
    "seller_withdraw": (60, 1800),
    "boot_failures": (60, 900),
}
"""How long a fault lasts when the table does not say."""
ALL_KINDS: Final[tuple[RandomKind, ...]] = get_args(RandomKind)


def drawn(loaded: Loaded, seed: int) -> Loaded:
    """Return the scenario with every fault of that seed written out, by their time."""
    scenario = loaded.scenario
    faults: list[Fault] = []
    for fault in scenario.fault:
        if fault.kind == "trace":
            faults += _outages(scenario, fault, loaded.outages[fault.file or ""], seed)
        else:
            faults.append(fault)
    if scenario.random_faults is not None:
        _add_random(scenario, scenario.random_faults, Random(f"{seed}/random_faults"), faults)
    return replace(loaded, scenario=replace(scenario, fault=faults, random_faults=None))


def _outages(scenario: Scenario, fault: Fault, outages: list[Outage], seed: int) -> Iterator[Fault]:
    """Yield the crashes of a trace, one a seller that an outage strikes."""
    random = Random(f"{seed}/trace/{fault.file}/{fault.seller}")
    hosts = [
        (seller.name, number + 1)
        for seller in scenario.seller
        if fault.seller in (None, seller.name)
        for number in range(seller.hosts)
    ]
    shift_s = max(fault.at_s, 0) - (fault.from_s or 0)
    for outage in outages:
        at_s = int(outage.start_s + shift_s)
        if not max(fault.at_s, 0) <= at_s < scenario.duration_s:
            continue
        wanted = outage.hosts if outage.hosts is not None else round(outage.share * len(hosts))
        struck = random.sample(hosts, min(wanted, len(hosts)))
        for seller in dict.fromkeys(name for name, _ in struck):
            numbers = sorted(number for name, number in struck if name == seller)
            for_s = max(1, ceil(outage.duration_s))
            yield Fault(kind="host_crash", at_s=at_s, seller=seller, hosts=numbers, for_s=for_s)


def _add_random(
    scenario: Scenario, table: RandomFaults, random: Random, faults: list[Fault]
) -> None:
    at_s = 0.0
    while True:
        at_s += random.expovariate(table.per_hour / SECONDS_PER_HOUR)
        if at_s >= scenario.duration_s:
            return
        kind = random.choice(table.kinds)
        low, high = _span(table, kind)
        for_s = random.randint(low, high)
        keys = _KEYS[kind](scenario, random)
        fault = Fault(kind=kind, at_s=int(at_s), for_s=for_s, **keys)
        # Two shares of one seller's failed boots at a time would contradict each other.
        if not any(other_share(fault, other) for other in faults):
            faults.append(fault)


def _span(table: RandomFaults, kind: RandomKind) -> Span:
    if isinstance(table.for_s, dict):
        return table.for_s.get(kind, USUAL_S[kind])
    return table.for_s


def _hosts(scenario: Scenario, random: Random) -> dict[str, Any]:
    seller = random.choice(scenario.seller)
    count = random.randint(1, seller.hosts)
    numbers = sorted(random.sample(range(1, seller.hosts + 1), count))
    return {"seller": seller.name, "hosts": numbers}


def _end(scenario: Scenario, random: Random) -> dict[str, Any]:
    farms = [farm.account for farm in scenario.farms]
    ends = [*farms, *(seller.name for seller in scenario.seller)]
    return {"between": (random.choice(ends), EXCHANGE)}


def _seller(scenario: Scenario, random: Random) -> dict[str, Any]:
    return {"seller": random.choice(scenario.seller).name}


def _factor(scenario: Scenario, random: Random) -> dict[str, Any]:
    return {"factor": round(random.uniform(1.5, 6.0), 2), **_seller(scenario, random)}


def _share(scenario: Scenario, random: Random) -> dict[str, Any]:
    return {"fail": round(random.uniform(0.3, 1.0), 2), **_seller(scenario, random)}


def _nothing(scenario: Scenario, random: Random) -> dict[str, Any]:
    return {}


_KEYS: Final = {
    "host_crash": _hosts,
    "partition": _end,
    "price_spike": _factor,
    "slow_boot": _factor,
    "stale_metrics": _nothing,
    "exchange_restart": _nothing,
    "seller_withdraw": _seller,
    "boot_failures": _share,
}
"""What each kind is told beside its time, drawn."""
