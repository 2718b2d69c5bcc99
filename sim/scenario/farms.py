"""Several farms in a scenario: what a later one takes from the first, and what each one sees.

Whoever reads a scenario for one farm (its rules, its market, its doubts) is given a view in which
that farm is the first. Pure. Source: scenario.md, "Several farms".
"""

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from sim.scenario.tables import SAME, Farm, Policy, Scenario
from sim.scenario.workload import Workload

SHARED_KEYS = (
    "zone",
    "class",
    "core_units",
    "unit_rps",
    "slo_util",
    "deposit",
    "pricing",
    "network",
)
"""What a later farm has like the first one when it does not say."""


def filled(raw: dict[str, Any]) -> dict[str, Any]:
    """Return ``raw``, a file's content, with every farm's and seller's table made whole."""
    farms = raw.get("farm")
    first = farms[0] if isinstance(farms, list) and farms else farms
    if not isinstance(first, dict):
        return raw
    whole = dict(raw)
    if "workload" in first:
        whole.setdefault("workload", first["workload"])
    if isinstance(farms, list):
        whole["farm"] = [first, *_with_defaults(farms[1:], first, SHARED_KEYS)]
        if isinstance(raw.get("seller"), list):
            whole["seller"] = _with_defaults(raw["seller"], first, ("zone", "class"))
    return whole


def _with_defaults(tables: list[Any], first: dict[str, Any], keys: Iterable[str]) -> list[Any]:
    shared = {key: first[key] for key in keys if key in first}
    return [{**shared, **table} if isinstance(table, dict) else table for table in tables]


def places(scenario: Scenario) -> Iterator[tuple[str, Farm]]:
    """Yield each farm with its place in the file."""
    for index, farm in enumerate(scenario.farms):
        listed = isinstance(scenario.farm_tables, list)
        yield (f"farm[{index}]" if listed else "farm"), farm


def views(scenario: Scenario) -> list[Scenario]:
    """Return the scenario as each farm sees it, the first farm's first."""
    if not isinstance(scenario.farm_tables, list):
        return [scenario]
    return [
        replace(scenario, farm_tables=[farm, *(one for one in scenario.farms if one is not farm)])
        for farm in scenario.farms
    ]


def policy_of(farm: Farm, under_test: str) -> str:
    """Return the name of the policy that ``farm`` follows while ``under_test`` is tested."""
    return under_test if farm.policy == SAME else farm.policy


def farms_under(scenario: Scenario, policy: Policy) -> list[Farm]:
    """Return the farms of a run of ``policy``: a cloud has none of those that buy elsewhere."""
    if policy.tariff is None:
        return scenario.farms
    return [farm for farm in scenario.farms if farm.policy == SAME]


def with_load(scenario: Scenario, workload: Workload) -> Scenario:
    """Return the scenario with ``workload`` in place of the first farm's load."""
    first, *others = scenario.farms
    first = replace(first, workload=None)
    farms = [first, *others] if isinstance(scenario.farm_tables, list) else first
    return replace(scenario, workload=workload, farm_tables=farms)
