"""What a scenario's faults may say: their keys, names, and whether one contradicts another. Pure.

Source: scenario.md, ``[[fault]]``.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from exchange.choices import there_is
from exchange.units import count_text
from sim.scenario.tables import NOT_GIVEN, SECONDS_PER_HOUR, Fault, RandomKind, Scenario

EXCHANGE = "exchange"
FARM_NAMES = ("farm", "manager")
"""What a fault may call the buyer's end, beside its account."""


class Keys(NamedTuple):
    """The keys a kind of fault needs beside ``kind`` and ``at_s``, and those it may have."""

    needed: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()


FAULT_KEYS: dict[str, Keys] = {
    "host_crash": Keys(("seller",), ("hosts", "for_s")),
    "host_return": Keys(("seller",), ("hosts",)),
    "partition": Keys(("between",), ("for_s",)),
    "heal": Keys(("between",)),
    "price_spike": Keys(("factor",), ("seller", "for_s")),
    "slow_boot": Keys(("factor",), ("seller", "for_s")),
    "boot_failures": Keys(("fail",), ("seller", "for_s")),
    "stale_metrics": Keys(("for_s",)),
    "seller_withdraw": Keys(("seller",), ("for_s",)),
    "exchange_restart": Keys((), ("for_s",)),
    "trace": Keys(("file",), ("seller", "from_s")),
}
"""Which keys each kind of scenario.md, ``[[fault]]``, takes."""

ENDED_BY = {"host_return": "host_crash", "heal": "partition"}
"""Kinds that end those faults of another kind that have no ``for_s`` of their own."""

MOST_DRAWN: Final = 1000
"""How many random faults a run may expect."""
WITHOUT_SELLERS: Final[tuple[RandomKind, ...]] = ("partition", "stale_metrics", "exchange_restart")


def fault_mistakes(scenario: Scenario) -> Iterator[str]:
    """Yield a line for each mistake in the scenario's faults."""
    yield from _random_faults(scenario)
    wrong = False
    for index, fault in enumerate(scenario.fault):
        for line in _of_one(scenario, fault, f"fault[{index}]"):
            wrong = True
            yield line
    if not wrong:
        yield from _contradictions(scenario)


def _random_faults(scenario: Scenario) -> Iterator[str]:
    table = scenario.random_faults
    if table is None:
        return
    expected = table.per_hour * scenario.duration_s / SECONDS_PER_HOUR
    if expected > MOST_DRAWN:
        yield f"random_faults.per_hour: makes {expected:.0f} faults a run; {MOST_DRAWN} are allowed"
    needy = [kind for kind in table.kinds if kind not in WITHOUT_SELLERS]
    if needy and not scenario.seller:
        yield f"random_faults.kinds: {needy[0]!r} needs a seller, and there is none"
    spans = table.for_s if isinstance(table.for_s, dict) else {"": table.for_s}
    for kind, (low, high) in spans.items():
        place = f"random_faults.for_s.{kind}".rstrip(".")
        if kind and kind not in table.kinds:
            yield f"{place}: {kind!r} is not among the kinds"
        if not 1 <= low <= high:
            yield f"{place}: [{low}, {high}] is not the shortest and the longest, from 1"


def struck_hosts(fault: Fault) -> list[int]:
    """Return the numbers, from 1, of the seller's hosts that a crash or a return means."""
    if isinstance(fault.hosts, list):
        return fault.hosts
    return list(range(1, (fault.hosts or 1) + 1))


def cut_off_end(scenario: Scenario, fault: Fault) -> str:
    """Return the account behind the end of a partition that is not the exchange."""
    assert fault.between is not None
    other = next(name for name in fault.between if name != EXCHANGE)
    return scenario.farm.account if other in FARM_NAMES else other


def _of_one(scenario: Scenario, fault: Fault, place: str) -> Iterator[str]:
    keys = FAULT_KEYS[fault.kind]
    if fault.at_s == NOT_GIVEN and fault.kind != "trace":
        yield f"{place}: missing key 'at_s'"
    for name in ("seller", "hosts", "for_s", "factor", "fail", "between", "file", "from_s"):
        given = getattr(fault, name) is not None
        if given and name not in keys.needed + keys.allowed:
            yield f"{place}.{name}: does not belong to {fault.kind!r}"
        if not given and name in keys.needed:
            yield f"{place}.{name}: is missing for {fault.kind!r}"
    yield from _names(scenario, fault, place)
    if fault.at_s >= scenario.duration_s:
        yield f"{place}.at_s: lies behind the end of the run ({scenario.duration_s} s)"


def _names(scenario: Scenario, fault: Fault, place: str) -> Iterator[str]:
    sellers = {seller.name: seller for seller in scenario.seller}
    if fault.seller is not None:
        if fault.seller not in sellers:
            there = there_is(sellers)
            yield f"{place}.seller: there is no seller {fault.seller!r}; {there}"
        elif fault.hosts is not None:
            yield from _hosts(fault, sellers[fault.seller].hosts, place)
    if fault.between is not None:
        ends = {*FARM_NAMES, *(farm.account for farm in scenario.farms), *sellers}
        others = [end for end in fault.between if end != EXCHANGE]
        if len(others) != 1 or others[0] not in ends:
            yield f"{place}.between: names '{EXCHANGE}' and one of {', '.join(sorted(ends))}"


def _hosts(fault: Fault, there: int, place: str) -> Iterator[str]:
    numbers = struck_hosts(fault)
    if not numbers:
        yield f"{place}.hosts: names no host"
    if max(numbers, default=0) > there:
        yield f"{place}.hosts: {fault.seller!r} has {count_text(there, 'host')}"
    for number in dict.fromkeys(numbers):
        if numbers.count(number) > 1:
            yield f"{place}.hosts: names host {number} twice"


def _contradictions(scenario: Scenario) -> Iterator[str]:
    for index, fault in enumerate(scenario.fault):
        place = f"fault[{index}]"
        if fault.kind in ENDED_BY:
            yield from _ends_nothing(scenario, fault, place)
        if fault.kind == "boot_failures":
            yield from _other_share(scenario, index, place)


def _ends_nothing(scenario: Scenario, fault: Fault, place: str) -> Iterator[str]:
    """Is what ``fault`` should end under way then, with an end left open?"""
    key = "between" if fault.kind == "heal" else "hosts"
    for target in _struck(scenario, fault):
        begun = [
            (number, one)
            for number, one in enumerate(scenario.fault)
            if one.kind == ENDED_BY[fault.kind]
            and target in _struck(scenario, one)
            and one.at_s <= fault.at_s
        ]
        if any(one.for_s is None for _, one in begun):
            continue
        running = [number for number, one in begun if _end_s(one) > fault.at_s]
        what = ENDED_BY[fault.kind].replace("_", " ")
        if running:
            yield f"{place}.{key}: contradicts fault[{running[0]}], which lasts for its own for_s"
        else:
            yield f"{place}.{key}: no {what} of {target} is under way at {fault.at_s} s"


def _struck(scenario: Scenario, fault: Fault) -> list[str]:
    if fault.between is not None:
        return [cut_off_end(scenario, fault)]
    return [f"{fault.seller} {number}" for number in struck_hosts(fault)]


def _other_share(scenario: Scenario, index: int, place: str) -> Iterator[str]:
    for number, other in enumerate(scenario.fault[:index]):
        if other_share(scenario.fault[index], other):
            yield f"{place}.fail: contradicts fault[{number}], which says {other.fail:g}"


def other_share(fault: Fault, other: Fault) -> bool:
    """Do both say at a time, each in its own way, which share of a seller's boots fails?"""
    same = None in (fault.seller, other.seller) or other.seller == fault.seller
    apart = _end_s(other) <= fault.at_s or _end_s(fault) <= other.at_s
    alike = other.kind == fault.kind == "boot_failures"
    return alike and same and not apart and other.fail != fault.fail


def _end_s(fault: Fault) -> float:
    return float("inf") if fault.for_s is None else fault.at_s + fault.for_s
